// Event-driven product with a CSR matrix, as XLA FFI handlers for the CPU:
//
//   out[..., j] = sum_i events[..., i] * sum_{p in row i, indices[p] = j} weights[p]
//
// and the same with a delay for each edge, through a ring of what is under way.
//
// Only the rows of neurons that send an event are visited. Values of `indices` are trusted:
// whoever builds the connectivity checks them once, since a check here would cost as much as
// the product itself.

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "xla/ffi/api/ffi.h"

namespace {

namespace ffi = xla::ffi;
using Shape = ffi::AnyBuffer::Dimensions;

constexpr int64_t kBlock = 8;
constexpr int64_t kBlocks = 8 * kBlock;

// The bits that tell a nonzero event from zero, in each 64-bit word of a block of events. The
// sign bit is left out, because -0.0 is as silent as 0.0.
template <typename Event>
constexpr uint64_t kMagnitude = 0;
template <>
constexpr uint64_t kMagnitude<bool> = 0xFFFFFFFFFFFFFFFF;
template <>
constexpr uint64_t kMagnitude<float> = 0x7FFFFFFF7FFFFFFF;
template <>
constexpr uint64_t kMagnitude<double> = 0x7FFFFFFFFFFFFFFF;

// Whether as many events are zero, a number of whole words. Few neurons fire in one step, so most
// of the time goes into finding them: this looks at all of these with one branch.
template <int64_t count, typename Event>
bool Silent(const Event* events) {
  static_assert(count % sizeof(uint64_t) == 0, "events must fill whole words");
  uint64_t words[count / sizeof(uint64_t) * sizeof(Event)];
  std::memcpy(words, events, sizeof(words));
  uint64_t any = 0;
  for (uint64_t word : words) any |= word;
  return (any & kMagnitude<Event>) == 0;
}

template <typename Weight>
Weight Scaled(Weight weight, bool) {
  return weight;
}

template <typename Weight>
Weight Scaled(Weight weight, Weight event) {
  return weight * event;
}

template <typename Weight>
struct Csr {
  const Weight* weights;
  const int32_t* indices;
  const int32_t* indptr;
  bool homogeneous;
};

template <typename Weight>
void Prefetch(const Csr<Weight>& csr, int64_t row) {
  const int32_t edge = csr.indptr[row];
  __builtin_prefetch(csr.indices + edge);
  if (!csr.homogeneous) __builtin_prefetch(csr.weights + edge);
}

// Where a column lies in the result: as it is, or moved on by an offset below its length.
struct Fixed {
  int64_t operator()(int32_t index) const { return index; }
};

struct Rotated {
  int64_t offset;
  int64_t length;
  int64_t operator()(int32_t index) const {
    const int64_t place = index + offset;
    return place >= length ? place - length : place;
  }
};

template <typename Weight, typename Event, typename Place>
void AddRow(const Csr<Weight>& csr, int64_t row, Event event, Place place,
            Weight* __restrict__ out) {
  const Weight* __restrict__ weights = csr.weights;
  const int32_t* __restrict__ indices = csr.indices;
  const int32_t end = csr.indptr[row + 1];
  int32_t edge = csr.indptr[row];
  if (csr.homogeneous) {
    const Weight weight = Scaled(weights[0], event);
    for (; edge < end; ++edge) out[place(indices[edge])] += weight;
  } else {
    for (; edge < end; ++edge) out[place(indices[edge])] += Scaled(weights[edge], event);
  }
}

// One vector of events through one matrix. Active rows are far apart in memory, so a row is
// added only once the next one is found and on its way into the cache. NaN differs from zero,
// hence a NaN event spreads.
template <typename Weight, typename Event, typename Place>
void AddEvents(const Csr<Weight>& csr, const Event* events, int64_t n_pre, Place place,
               Weight* out) {
  int64_t found = -1;
  const auto visit = [&](int64_t row) {
    if (events[row] == Event{0}) return;
    Prefetch(csr, row);
    if (found >= 0) AddRow(csr, found, events[found], place, out);
    found = row;
  };
  const auto visit_block = [&](int64_t row) {
    if (Silent<kBlock>(events + row)) return;
    for (int64_t offset = 0; offset < kBlock; ++offset) visit(row + offset);
  };
  int64_t row = 0;
  for (; row + kBlocks <= n_pre; row += kBlocks) {
    if (Silent<kBlocks>(events + row)) continue;
    for (int64_t offset = 0; offset < kBlocks; offset += kBlock) visit_block(row + offset);
  }
  for (; row + kBlock <= n_pre; row += kBlock) visit_block(row);
  for (; row < n_pre; ++row) visit(row);
  if (found >= 0) AddRow(csr, found, events[found], place, out);
}

// vmap puts its axes in front, and gives operands that it does not map axes of size 1. So the
// leading axes of an operand pair up with those of the result from the left, and an axis that
// the operand has not, or has with size 1, is shared.
bool Leads(Shape operand, Shape result) {
  if (operand.size() == 0 || operand.size() > result.size()) return false;
  for (size_t axis = 0; axis + 1 < operand.size(); ++axis) {
    if (operand[axis] != 1 && operand[axis] != result[axis]) return false;
  }
  return true;
}

// Which slice of the operand serves the given entry of the result's flattened batch.
int64_t SliceOf(Shape operand, Shape result, int64_t entry) {
  int64_t slice = 0;
  int64_t stride = 1;
  for (size_t axis = result.size() - 1; axis-- > 0;) {
    const int64_t position = entry % result[axis];
    entry /= result[axis];
    if (axis + 1 >= operand.size() || operand[axis] == 1) continue;
    slice += position * stride;
    stride *= operand[axis];
  }
  return slice;
}

std::string Text(Shape shape) {
  std::string text;
  for (int64_t size : shape) text += (text.empty() ? "shape (" : ", ") + std::to_string(size);
  return text + ")";
}

ffi::Error Invalid(const char* operand, const std::string& rule, const std::string& got) {
  return ffi::Error::InvalidArgument(std::string("event_csr: `") + operand + "` must " + rule +
                                     ", got " + got + ".");
}

// Messages are put together only once something is wrong: this runs in every call.
ffi::Error CheckShapes(Shape weights, Shape indices, Shape indptr, Shape events, Shape out) {
  const std::pair<const char*, Shape> operands[] = {
      {"weights", weights}, {"indices", indices}, {"indptr", indptr}, {"events", events}};
  for (const auto& [name, shape] : operands) {
    if (!Leads(shape, out)) {
      return Invalid(name, "lead with the batch axes of the result, " + Text(out), Text(shape));
    }
  }
  if (weights.back() != 1 && weights.back() != indices.back()) {
    const std::string edges = std::to_string(indices.back());
    return Invalid("weights", "have 1 or " + edges + " entries", Text(weights));
  }
  if (indptr.back() != events.back() + 1) {
    const std::string entries = std::to_string(events.back() + 1);
    return Invalid("indptr", "have " + entries + " entries", Text(indptr));
  }
  return ffi::Error::Success();
}

// Adds to what lies at `out`, which has this shape, entry by entry of the batch.
template <ffi::DataType weight_type, ffi::DataType event_type, typename Place>
ffi::Error AddAll(ffi::Buffer<weight_type>& weights, ffi::Buffer<ffi::S32>& indices,
                  ffi::Buffer<ffi::S32>& indptr, ffi::Buffer<event_type>& events, Shape shape,
                  ffi::NativeType<weight_type>* out, Place place) {
  ffi::Error error = CheckShapes(weights.dimensions(), indices.dimensions(), indptr.dimensions(),
                                 events.dimensions(), shape);
  if (error.failure()) return error;

  const int64_t n_pre = events.dimensions().back();
  const int64_t n_edges = indices.dimensions().back();
  const int64_t n_weights = weights.dimensions().back();
  int64_t n_batch = shape.back() == 0 ? 0 : 1;
  for (size_t axis = 0; axis + 1 < shape.size(); ++axis) n_batch *= shape[axis];
  for (int64_t entry = 0; entry < n_batch; ++entry, out += shape.back()) {
    const Csr<ffi::NativeType<weight_type>> csr{
        weights.typed_data() + n_weights * SliceOf(weights.dimensions(), shape, entry),
        indices.typed_data() + n_edges * SliceOf(indices.dimensions(), shape, entry),
        indptr.typed_data() + (n_pre + 1) * SliceOf(indptr.dimensions(), shape, entry),
        n_weights == 1};
    if (csr.indptr[0] < 0 || csr.indptr[n_pre] > n_edges) {
      return Invalid("indptr", "stay within 0 and " + std::to_string(n_edges),
                     std::to_string(csr.indptr[0]) + " to " + std::to_string(csr.indptr[n_pre]));
    }
    AddEvents(csr, events.typed_data() + n_pre * SliceOf(events.dimensions(), shape, entry), n_pre,
              place, out);
  }
  return ffi::Error::Success();
}

template <ffi::DataType weight_type, ffi::DataType event_type>
ffi::Error EventCsr(ffi::Buffer<weight_type> weights, ffi::Buffer<ffi::S32> indices,
                    ffi::Buffer<ffi::S32> indptr, ffi::Buffer<event_type> events,
                    ffi::ResultBuffer<weight_type> result) {
  std::fill_n(result->typed_data(), result->element_count(), ffi::NativeType<weight_type>{0});
  return AddAll<weight_type, event_type>(weights, indices, indptr, events, result->dimensions(),
                                         result->typed_data(), Fixed{});
}

// One step of a ring with a row for each step to come: the row of the step before is emptied,
// events are added to the rows in which they arrive, and the row of this step is copied out. XLA
// lets the ring stay where it lies if nobody else needs it as it was; otherwise it is copied here.
template <ffi::DataType weight_type, ffi::DataType event_type>
ffi::Error EventCsrRing(ffi::Buffer<weight_type> before, ffi::Buffer<weight_type> weights,
                        ffi::Buffer<ffi::S32> slots, ffi::Buffer<ffi::S32> indptr,
                        ffi::Buffer<event_type> events, ffi::Buffer<ffi::S32> position,
                        ffi::ResultBuffer<weight_type> ring,
                        ffi::ResultBuffer<weight_type> arrived) {
  using Weight = ffi::NativeType<weight_type>;
  const Shape shape = ring->dimensions();
  if (shape.size() < 2 || before.element_count() != ring->element_count()) {
    return Invalid("ring", "have the shape of the result, " + Text(shape),
                   Text(before.dimensions()));
  }
  const int64_t n_post = shape.back();
  const int64_t length = shape[shape.size() - 2];
  const int64_t row = position.element_count() == 1 ? position.typed_data()[0] : -1;
  if (row < 0 || row >= length) {
    return Invalid("position", "be one number from 0 to " + std::to_string(length - 1),
                   std::to_string(row));
  }
  if (before.typed_data() != ring->typed_data()) {
    std::memcpy(ring->typed_data(), before.typed_data(), ring->size_bytes());
  }
  const int64_t size = length * n_post;
  const int64_t n_batch = size == 0 ? 0 : ring->element_count() / size;
  const int64_t last = row == 0 ? length - 1 : row - 1;
  for (int64_t entry = 0; entry < n_batch; ++entry) {
    std::fill_n(ring->typed_data() + entry * size + last * n_post, n_post, Weight{0});
  }
  std::vector<int64_t> flat(shape.begin(), shape.end() - 1);
  flat.back() = size;
  ffi::Error error = AddAll<weight_type, event_type>(
      weights, slots, indptr, events, Shape(flat.data(), flat.size()), ring->typed_data(),
      Rotated{row * n_post, size});
  if (error.failure()) return error;
  for (int64_t entry = 0; entry < n_batch; ++entry) {
    std::memcpy(arrived->typed_data() + entry * n_post,
                ring->typed_data() + entry * size + row * n_post, n_post * sizeof(Weight));
  }
  return ffi::Error::Success();
}

}  // namespace

// Handlers for one pair of types; declared first to be exported from a library whose symbols
// are hidden otherwise.
#define EVENT_CSR(name, weight_type, event_type)                                                \
  extern "C" __attribute__((visibility("default"))) XLA_FFI_Error* name(XLA_FFI_CallFrame*);    \
  XLA_FFI_DEFINE_HANDLER_SYMBOL(name, (EventCsr<ffi::weight_type, ffi::event_type>),            \
                                ffi::Ffi::Bind()                                                \
                                    .Arg<ffi::Buffer<ffi::weight_type>>()                       \
                                    .Arg<ffi::Buffer<ffi::S32>>()                               \
                                    .Arg<ffi::Buffer<ffi::S32>>()                               \
                                    .Arg<ffi::Buffer<ffi::event_type>>()                        \
                                    .Ret<ffi::Buffer<ffi::weight_type>>())

#define EVENT_CSR_RING(name, weight_type, event_type)                                           \
  extern "C" __attribute__((visibility("default"))) XLA_FFI_Error* name(XLA_FFI_CallFrame*);    \
  XLA_FFI_DEFINE_HANDLER_SYMBOL(name, (EventCsrRing<ffi::weight_type, ffi::event_type>),        \
                                ffi::Ffi::Bind()                                                \
                                    .Arg<ffi::Buffer<ffi::weight_type>>()                       \
                                    .Arg<ffi::Buffer<ffi::weight_type>>()                       \
                                    .Arg<ffi::Buffer<ffi::S32>>()                               \
                                    .Arg<ffi::Buffer<ffi::S32>>()                               \
                                    .Arg<ffi::Buffer<ffi::event_type>>()                        \
                                    .Arg<ffi::Buffer<ffi::S32>>()                               \
                                    .Ret<ffi::Buffer<ffi::weight_type>>()                       \
                                    .Ret<ffi::Buffer<ffi::weight_type>>())

EVENT_CSR(brainloom_event_csr_float32_bool, F32, PRED);
EVENT_CSR(brainloom_event_csr_float32_float32, F32, F32);
EVENT_CSR(brainloom_event_csr_float64_bool, F64, PRED);
EVENT_CSR(brainloom_event_csr_float64_float64, F64, F64);
EVENT_CSR_RING(brainloom_event_csr_ring_float32_bool, F32, PRED);
EVENT_CSR_RING(brainloom_event_csr_ring_float32_float32, F32, F32);
EVENT_CSR_RING(brainloom_event_csr_ring_float64_bool, F64, PRED);
EVENT_CSR_RING(brainloom_event_csr_ring_float64_float64, F64, F64);
