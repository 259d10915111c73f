#pragma once
// Errors that mean something to the caller beyond "wrong input" (which is std::invalid_argument, a ValueError).

#include <stdexcept>

namespace hpo {

// There is no configuration to suggest.
struct NoConfiguration : std::runtime_error {
    using std::runtime_error::runtime_error;
};

// Every configuration of a finite space has been suggested, told or is pending.
struct SpaceExhausted : NoConfiguration {
    using NoConfiguration::NoConfiguration;
};

// No configuration that satisfies the known constraints could be found.
struct Infeasible : NoConfiguration {
    using NoConfiguration::NoConfiguration;
};

// A covariance matrix could not be factored, whatever was added to its diagonal.
struct NotPositiveDefinite : std::runtime_error {
    using std::runtime_error::runtime_error;
};

}  // namespace hpo
