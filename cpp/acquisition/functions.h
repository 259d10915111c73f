#pragma once
// Acquisition functions of a normal posterior, larger is better, for minimisation. With z = (best - mu) / sigma:
//
//     log_ei   log E[max(best - f, 0)] = log sigma + log h(z),  h(z) = phi(z) + z Phi(z)
//     log_pi   log P[f < best] = log Phi(z)
//     lcb      -(mu - beta sigma)
//     thompson is none of them: the maximizer draws a function from the posterior. It chooses the rows for that by lcb.
//
// Left of z = -3 the ratios of the repeated integrals I_n of phi come from their continued fraction
// I_n / I_{n-1} = 1 / (x + (n + 1) I_{n+1} / I_n), x = -z (Abramowitz & Stegun 7.2.5 and 26.2.14), all of whose terms are
// positive: log h is right to 1e-15 relative however small h is. Ament et al., "Unexpected improvements to expected
// improvement for Bayesian optimization", NeurIPS 2023, say why the logarithm is what should be maximised.

#include <cstddef>

namespace hpo {

enum class Acquire : int { lcb = 0, log_ei = 1, log_pi = 2, thompson = 3 };

struct Acquisition {
    Acquire kind = Acquire::lcb;
    double best = 0.0;   // the incumbent's value
    double beta = 1.8;   // of lcb and thompson

    // Values (q,) from means and variances (q,); and the derivatives by both, if wanted. out may be mean.
    void operator()(const double* mean, const double* variance, std::size_t q, double* out, double* by_mean = nullptr,
                    double* by_variance = nullptr) const;
};

}  // namespace hpo
