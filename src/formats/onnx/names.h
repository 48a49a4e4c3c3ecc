#pragma once

#include <fmt/format.h>

#include <map>
#include <set>
#include <string>

namespace thimble::onnx {

/// Gives out names once: a second taker gets "_2", a third "_3".
class Names {
 public:
  std::string take(const std::string& wanted) {
    const std::string stem = wanted.empty() ? "unnamed" : wanted;
    std::string name = stem;
    while (!taken_.insert(name).second) {
      int& last = last_suffix_.try_emplace(stem, 1).first->second;
      name = fmt::format("{}_{}", stem, ++last);
    }
    return name;
  }

 private:
  std::set<std::string> taken_;
  std::map<std::string, int> last_suffix_;
};

}  // namespace thimble::onnx
