#include "graph/operators.h"

#include <type_traits>

namespace thimble {

std::string_view name_of(const Operator& op) {
  return std::visit([](const auto& o) { return std::decay_t<decltype(o)>::kName; }, op);
}

Activation fused_activation(const Operator& op) {
  return std::visit(
      [](const auto& o) {
        if constexpr (requires { o.activation; }) return o.activation;
        return Activation::kNone;
      },
      op);
}

bool has_int16_form(const Operator& op) {
  return !std::holds_alternative<HardSwish>(op) && !std::holds_alternative<LeakyRelu>(op) &&
         !std::holds_alternative<BatchNorm>(op);
}

bool set_fused_activation(Operator& op, Activation activation) {
  return std::visit(
      [activation](auto& o) {
        if constexpr (requires { o.activation; }) {
          o.activation = activation;
          return true;
        }
        return false;
      },
      op);
}

}  // namespace thimble
