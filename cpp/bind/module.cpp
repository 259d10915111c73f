// hpo_fast._core: the registrations, one function per concept.

#include <pybind11/pybind11.h>

#include "base/error.h"
#include "bind/register.h"

PYBIND11_MODULE(_core, m) {
    m.doc() = "The compiled core of hpo_fast. See _core.pyi.";
    pybind11::register_exception<hpo::SpaceExhausted>(m, "SpaceExhausted", PyExc_RuntimeError);
    pybind11::register_exception<hpo::Infeasible>(m, "Infeasible", PyExc_RuntimeError);
    pybind11::register_exception<hpo::NotPositiveDefinite>(m, "NotPositiveDefinite", PyExc_RuntimeError);
    hpo::register_base(m);
    hpo::register_space(m);
    hpo::register_enumerate(m);
    hpo::register_codec(m);
    hpo::register_scan(m);
    hpo::register_tpe(m);
    hpo::register_linalg(m);
    hpo::register_gp(m);
}
