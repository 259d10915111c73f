#include "linalg/lapack.h"

#include <mutex>
#include <stdexcept>

namespace hpo {

namespace {

Lapack table_;
std::mutex mutex_;
int users_ = 0;
int saved_ = 1;

}  // namespace

const Lapack& lapack() {
    if (!table_.dpotrf) throw std::runtime_error("LAPACK is not loaded: call hpo_fast.samplers.gp.load_lapack()");
    return table_;
}

void set_lapack(const Lapack& table) { table_ = table; }

OneBlasThread::OneBlasThread() {
    if (!table_.set_threads) return;
    const std::lock_guard<std::mutex> lock(mutex_);
    if (users_++ > 0) return;
    saved_ = table_.get_threads();
    if (saved_ != 1) table_.set_threads(1);
}

OneBlasThread::~OneBlasThread() {
    if (!table_.set_threads) return;
    const std::lock_guard<std::mutex> lock(mutex_);
    if (--users_ == 0 && saved_ != 1) table_.set_threads(saved_);
}

}  // namespace hpo
