#pragma once
// Split [0, n) over std::threads spawned for this call. Each index is computed by exactly one thread with the same code,
// so results do not depend on the number of threads. A thread costs about 20 us: callers pass a grain that is worth it. What the
// system has no threads for is done by the calling one.

#include <algorithm>
#include <cstddef>
#include <exception>
#include <system_error>
#include <thread>
#include <vector>

namespace hpo {

// Calls body(begin, end) for disjoint ranges covering [0, n); at least `grain` indices a thread. The first exception
// thrown by a range is rethrown here, after every thread has ended.
template <class Body>
void parallel_for(std::size_t n, int threads, std::size_t grain, const Body& body) {
    const std::size_t wanted = std::min<std::size_t>(static_cast<std::size_t>(std::max(threads, 1)), n / std::max<std::size_t>(grain, 1));
    if (wanted <= 1) {
        if (n > 0) body(std::size_t{0}, n);
        return;
    }
    std::vector<std::exception_ptr> errors(wanted);
    const auto run = [&](std::size_t part) {
        try {
            body(n * part / wanted, n * (part + 1) / wanted);
        } catch (...) {
            errors[part] = std::current_exception();
        }
    };
    std::vector<std::thread> workers;
    workers.reserve(wanted - 1);
    std::size_t started = 1;
    try {
        for (; started < wanted; ++started) workers.emplace_back(run, started);
    } catch (const std::system_error&) {
    }
    run(0);
    for (std::size_t part = started; part < wanted; ++part) run(part);
    for (auto& worker : workers) worker.join();
    for (const auto& error : errors)
        if (error) std::rethrow_exception(error);
}

}  // namespace hpo
