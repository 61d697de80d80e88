// Event-driven products with a dense matrix, as XLA FFI handlers for the CPU:
//
//   event_dense:  out[m, j] = sum_i events[m, i] * weights[i, j]
//   event_outer:  out[i, j] = sum_m events[m, i] * values[m, j]
//
// Events that are zero cost no more than being looked at. Work is shared with XLA's own threads.

#include <algorithm>
#include <condition_variable>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "xla/ffi/api/ffi.h"

// Wheels travel between machines, so the loops are compiled for old and for newer processors.
#if defined(__x86_64__) && defined(__gnu_linux__) && defined(__GNUC__) && !defined(__clang__)
#define FOR_EACH_PROCESSOR __attribute__((target_clones("arch=x86-64-v3", "default")))
#else
#define FOR_EACH_PROCESSOR
#endif

namespace {

namespace ffi = xla::ffi;
using Matrix = ffi::Buffer<ffi::F32>;
using Result = ffi::ResultBuffer<ffi::F32>;

// Parts of a task, taken one by one by whoever is free. The caller takes parts too and waits only
// for those that another thread has taken, so that it never waits for a thread to become free.
class Parts {
 public:
  Parts(int64_t count, std::function<void(int64_t)> work)
      : count_(count), left_(count), work_(std::move(work)) {}

  void Take() {
    std::unique_lock<std::mutex> lock(mutex_);
    while (next_ < count_) {
      const int64_t part = next_++;
      lock.unlock();
      work_(part);
      lock.lock();
      if (--left_ == 0) done_.notify_all();
    }
  }

  void Wait() {
    std::unique_lock<std::mutex> lock(mutex_);
    done_.wait(lock, [this] { return left_ == 0; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable done_;
  int64_t next_ = 0;
  const int64_t count_;
  int64_t left_;
  const std::function<void(int64_t)> work_;
};

// Calls work(from, to) for ranges that cover 0 to `size`, on several threads.
template <typename Work>
void Share(ffi::ThreadPool& pool, int64_t size, int64_t least, const Work& work) {
  const int64_t threads = std::max<int64_t>(1, pool.num_threads());
  const int64_t count = std::min(threads, std::max<int64_t>(1, size / least));
  auto parts = std::make_shared<Parts>(count, [=](int64_t part) {
    work(size * part / count, size * (part + 1) / count);
  });
  for (int64_t helper = 1; helper < count; ++helper) pool.Schedule([parts] { parts->Take(); });
  parts->Take();
  parts->Wait();
}

// The places of the nonzero among `size` events; -0.0 is as silent as 0.0, NaN is not.
int64_t Nonzero(const float* events, int64_t size, int32_t* found) {
  constexpr int64_t kBlock = 16;
  int64_t count = 0;
  int64_t place = 0;
  for (; place + kBlock <= size; place += kBlock) {
    uint64_t words[kBlock / 2];
    std::memcpy(words, events + place, sizeof(words));
    uint64_t any = 0;
    for (uint64_t word : words) any |= word;
    if ((any & 0x7FFFFFFF7FFFFFFF) == 0) continue;
    for (int64_t offset = place; offset < place + kBlock; ++offset) {
      found[count] = static_cast<int32_t>(offset);
      count += events[offset] != 0.0f;
    }
  }
  for (; place < size; ++place) {
    found[count] = static_cast<int32_t>(place);
    count += events[place] != 0.0f;
  }
  return count;
}

// Adds the chosen rows, each times its event, to `out`: four at a time, since each time `out` is
// read and written. The event of row r is events[r * stride].
FOR_EACH_PROCESSOR
void AddRows(const int32_t* chosen, int64_t count, const float* events, int64_t stride,
             const float* rows, int64_t width, float* __restrict__ out) {
  int64_t k = 0;
  for (; k + 4 <= count; k += 4) {
    const int64_t r0 = chosen[k], r1 = chosen[k + 1], r2 = chosen[k + 2], r3 = chosen[k + 3];
    const float s0 = events[r0 * stride], s1 = events[r1 * stride];
    const float s2 = events[r2 * stride], s3 = events[r3 * stride];
    const float* __restrict__ a0 = rows + r0 * width;
    const float* __restrict__ a1 = rows + r1 * width;
    const float* __restrict__ a2 = rows + r2 * width;
    const float* __restrict__ a3 = rows + r3 * width;
    for (int64_t j = 0; j < width; ++j) {
      out[j] += s0 * a0[j] + s1 * a1[j] + s2 * a2[j] + s3 * a3[j];
    }
  }
  for (; k < count; ++k) {
    const float s = events[chosen[k] * stride];
    const float* __restrict__ a = rows + chosen[k] * width;
    for (int64_t j = 0; j < width; ++j) out[j] += s * a[j];
  }
}

ffi::Error Mismatch(const char* what) {
  return ffi::Error::InvalidArgument(std::string("event_dense: ") + what);
}

ffi::Error EventDense(ffi::ThreadPool pool, Matrix events, Matrix weights, Result result) {
  const auto sent = events.dimensions(), held = weights.dimensions();
  if (sent.size() != 2 || held.size() != 2 || sent[1] != held[0]) {
    return Mismatch("`events` (m, n_pre) and `weights` (n_pre, n_post) must fit together.");
  }
  const int64_t n_pre = sent[1], width = held[1];
  const float* from = events.typed_data();
  const float* rows = weights.typed_data();
  float* out = result->typed_data();
  Share(pool, sent[0], 16, [=](int64_t first, int64_t last) {
    std::vector<int32_t> found(n_pre + 1);
    for (int64_t m = first; m < last; ++m) {
      const int64_t count = Nonzero(from + m * n_pre, n_pre, found.data());
      std::fill_n(out + m * width, width, 0.0f);
      AddRows(found.data(), count, from + m * n_pre, 1, rows, width, out + m * width);
    }
  });
  return ffi::Error::Success();
}

// Each part has some of the presynaptic neurons. It looks at so many samples at a time that their
// values stay in the cache, and goes through them neuron by neuron.
ffi::Error EventOuter(ffi::ThreadPool pool, Matrix events, Matrix values, Result result) {
  const auto sent = events.dimensions(), given = values.dimensions();
  if (sent.size() != 2 || given.size() != 2 || sent[0] != given[0]) {
    return Mismatch("`events` (m, n_pre) and `values` (m, n_post) must fit together.");
  }
  const int64_t samples = sent[0], n_pre = sent[1], width = given[1];
  const int64_t at_once = std::max<int64_t>(16, (int64_t{1} << 17) / std::max<int64_t>(1, width));
  const float* from = events.typed_data();
  const float* rows = values.typed_data();
  float* out = result->typed_data();
  Share(pool, n_pre, 16, [=](int64_t first, int64_t last) {
    std::fill_n(out + first * width, (last - first) * width, 0.0f);
    std::vector<int32_t> found(last - first + 1);
    std::vector<std::vector<int32_t>> senders(last - first);
    for (int64_t begin = 0; begin < samples; begin += at_once) {
      const int64_t end = std::min(samples, begin + at_once);
      for (auto& list : senders) list.clear();
      for (int64_t m = begin; m < end; ++m) {
        const int64_t count = Nonzero(from + m * n_pre + first, last - first, found.data());
        for (int64_t k = 0; k < count; ++k) {
          senders[found[k]].push_back(static_cast<int32_t>(m));
        }
      }
      for (int64_t i = first; i < last; ++i) {
        const auto& list = senders[i - first];
        AddRows(list.data(), static_cast<int64_t>(list.size()), from + i, n_pre, rows, width,
                out + i * width);
      }
    }
  });
  return ffi::Error::Success();
}

}  // namespace

// Declared first to be exported from a library whose symbols are hidden otherwise.
#define PRODUCT(name, product)                                                               \
  extern "C" __attribute__((visibility("default"))) XLA_FFI_Error* name(XLA_FFI_CallFrame*); \
  XLA_FFI_DEFINE_HANDLER_SYMBOL(                                                             \
      name, product, ffi::Ffi::Bind().Ctx<ffi::ThreadPool>().Arg<Matrix>().Arg<Matrix>().Ret<Matrix>())

PRODUCT(brainloom_event_dense_float32_float32, EventDense);
PRODUCT(brainloom_event_outer_float32_float32, EventOuter);
