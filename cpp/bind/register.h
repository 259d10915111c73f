#pragma once

#include <pybind11/pybind11.h>

namespace hpo {

void register_base(pybind11::module_& m);
void register_space(pybind11::module_& m);
void register_enumerate(pybind11::module_& m);
void register_codec(pybind11::module_& m);
void register_scan(pybind11::module_& m);
void register_tpe(pybind11::module_& m);
void register_linalg(pybind11::module_& m);
void register_gp(pybind11::module_& m);

}  // namespace hpo
