#include "optim/lbfgsb.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace hpo {

namespace {

constexpr double kArmijo = 1e-4;
constexpr std::size_t kMaxShrinks = 20;

}  // namespace

Lbfgsb::Lbfgsb(std::vector<double> x0, std::vector<double> lower, std::vector<double> upper, const LbfgsbOptions& options)
    : options_(options), d_(x0.size()), lower_(std::move(lower)), upper_(std::move(upper)), x_(std::move(x0)) {
    for (std::size_t i = 0; i < d_; ++i) x_[i] = std::clamp(x_[i], lower_[i], upper_[i]);
    trial_ = x_;
    value_ = std::numeric_limits<double>::infinity();
    done_ = d_ == 0;
}

// Component i of the gradient, 0 where a bound stops the descent.
double Lbfgsb::projected(std::size_t i, const std::vector<double>& gradient) const {
    const double g = gradient[i];
    return (g > 0.0 && x_[i] <= lower_[i]) || (g < 0.0 && x_[i] >= upper_[i]) ? 0.0 : g;
}

void Lbfgsb::direct() {
    direction_.resize(d_);
    for (std::size_t i = 0; i < d_; ++i) direction_[i] = projected(i, gradient_);
    std::vector<double> weight(s_.size());
    const auto dot = [&](const std::vector<double>& a, const std::vector<double>& b) {
        double sum = 0.0;
        for (std::size_t i = 0; i < d_; ++i) sum += a[i] * b[i];
        return sum;
    };
    std::vector<char> fixed(d_);
    for (std::size_t i = 0; i < d_; ++i) fixed[i] = direction_[i] == 0.0;
    for (std::size_t k = s_.size(); k-- > 0;) {
        weight[k] = rho_[k] * dot(s_[k], direction_);
        for (std::size_t i = 0; i < d_; ++i) direction_[i] -= weight[k] * y_[k][i];
    }
    if (!s_.empty()) {
        const double scale = 1.0 / (rho_.back() * dot(y_.back(), y_.back()));
        for (double& v : direction_) v *= scale;
    }
    for (std::size_t k = 0; k < s_.size(); ++k) {
        const double b = rho_[k] * dot(y_[k], direction_);
        for (std::size_t i = 0; i < d_; ++i) direction_[i] += (weight[k] - b) * s_[k][i];
    }
    double slope = 0.0, size = 0.0;
    for (std::size_t i = 0; i < d_; ++i) {
        direction_[i] = fixed[i] ? 0.0 : -direction_[i];
        slope += direction_[i] * gradient_[i];
    }
    steepest_ = s_.empty();
    if (!(slope < 0.0)) {   // the memory and the active set disagree: start again
        forget();
        steepest_ = true;
        for (std::size_t i = 0; i < d_; ++i) direction_[i] = -projected(i, gradient_);
    }
    step_ = 1.0;
    if (steepest_) {   // nothing is known about the curvature: a step of at most a tenth of the box
        for (std::size_t i = 0; i < d_; ++i) size = std::max(size, std::abs(direction_[i]) / std::max(upper_[i] - lower_[i], 1e-300));
        if (size > 0.1) step_ = 0.1 / size;
    }
    shrinks_ = 0;
}

void Lbfgsb::propose() {
    for (std::size_t i = 0; i < d_; ++i) trial_[i] = std::clamp(x_[i] + step_ * direction_[i], lower_[i], upper_[i]);
}

void Lbfgsb::forget() {
    s_.clear();
    y_.clear();
    rho_.clear();
}

bool Lbfgsb::stop() {
    done_ = true;
    return false;
}

bool Lbfgsb::report(double value, const double* gradient) {
    if (done_) return false;
    ++evaluations_;
    if (!started_) {
        started_ = true;
        value_ = value;
        gradient_.assign(gradient, gradient + d_);
        if (!std::isfinite(value)) return stop();
    } else {
        double decrease = 0.0;   // g . (x - trial), what the first order promises
        for (std::size_t i = 0; i < d_; ++i) decrease += gradient_[i] * (x_[i] - trial_[i]);
        if (!(value <= value_ - kArmijo * decrease) || !std::isfinite(value)) {
            if (++shrinks_ > kMaxShrinks || evaluations_ >= options_.max_evaluations) {
                if (steepest_ || evaluations_ >= options_.max_evaluations) return stop();
                forget();
                direct();
            } else {
                // The minimum of the parabola through both values and the slope, within reason.
                const double parabola = std::isfinite(value) && decrease > 0.0 ? 0.5 * decrease / (value - value_ + decrease) : 0.1;
                step_ *= std::clamp(parabola, 0.1, 0.5);
            }
            propose();
            return true;
        }
        std::vector<double> s(d_), y(d_);
        double sy = 0.0, yy = 0.0;
        for (std::size_t i = 0; i < d_; ++i) {
            s[i] = trial_[i] - x_[i];
            y[i] = gradient[i] - gradient_[i];
            sy += s[i] * y[i];
            yy += y[i] * y[i];
        }
        const double change = value_ - value;
        x_ = trial_;
        gradient_.assign(gradient, gradient + d_);
        value_ = value;
        if (sy > 1e-10 * yy) {
            if (s_.size() == options_.memory) {
                s_.erase(s_.begin());
                y_.erase(y_.begin());
                rho_.erase(rho_.begin());
            }
            rho_.push_back(1.0 / sy);
            s_.push_back(std::move(s));
            y_.push_back(std::move(y));
        }
        if (change <= options_.value_tolerance * std::max({std::abs(value), std::abs(value + change), 1.0})) return stop();
    }
    double largest = 0.0;
    for (std::size_t i = 0; i < d_; ++i) largest = std::max(largest, std::abs(projected(i, gradient_)));
    if (largest <= options_.gradient_tolerance || evaluations_ >= options_.max_evaluations) return stop();
    direct();
    propose();
    return true;
}

}  // namespace hpo
