#include "statistics/anova.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "statistics/distributions.h"
#include "statistics/least_squares.h"

namespace thimble::statistics {
namespace {

using Columns = std::vector<std::vector<double>>;

bool constant(std::span<const double> values) {
  return std::all_of(values.begin(), values.end(), [&](double v) { return v == values.front(); });
}

AnovaRow effect(std::string source, double squares, double df, double total, const AnovaTable& table) {
  AnovaRow row;
  row.source = std::move(source);
  row.sum_of_squares = std::max(squares, 0.0);  // rounding may leave a difference of two fits below zero
  row.df = df;
  row.mean_square = row.sum_of_squares / df;
  const double error = table.residual_mean_square;
  row.f = row.mean_square / error;
  row.p = f_upper(row.f, df, table.residual_df);
  row.eta_squared = row.sum_of_squares / total;
  row.partial_eta_squared = row.sum_of_squares / (row.sum_of_squares + table.residual_sum_of_squares);
  row.omega_squared = (row.sum_of_squares - df * error) / (total + error);
  const double excess = df * (row.f - 1);
  row.partial_omega_squared = excess / (excess + static_cast<double>(table.residuals.size()));
  return row;
}

/// The levels of a factor in the order in which they come.
std::vector<std::string> levels_of(std::span<const Observation> observations,
                                   std::string Observation::*factor) {
  std::vector<std::string> levels;
  for (const Observation& observation : observations) {
    if (std::find(levels.begin(), levels.end(), observation.*factor) == levels.end()) {
      levels.push_back(observation.*factor);
    }
  }
  return levels;
}

/// A column a level but the last: 1 at that level, -1 at the last, 0 elsewhere; they sum to zero over the
/// levels.
Columns contrasts(std::span<const Observation> observations, std::string Observation::*factor,
                  const std::vector<std::string>& levels) {
  Columns columns;
  for (size_t level = 0; level + 1 < levels.size(); ++level) {
    std::vector<double>& column = columns.emplace_back();
    for (const Observation& observation : observations) {
      const std::string& own = observation.*factor;
      column.push_back(own == levels[level] ? 1 : own == levels.back() ? -1 : 0);
    }
  }
  return columns;
}

Columns products(const Columns& a, const Columns& b) {
  Columns columns;
  for (const auto& x : a) {
    for (const auto& y : b) {
      std::vector<double>& column = columns.emplace_back(x.size());
      std::transform(x.begin(), x.end(), y.begin(), column.begin(), std::multiplies<>());
    }
  }
  return columns;
}

/// The values and design of two factors, looked at and found complete.
struct TwoFactors {
  std::vector<double> values;  ///< less their mean, which the constant column takes up
  Columns constant, a, b, a_x_b;
  std::vector<Group> cells;
  double total = 0;  ///< sum of squares

  LeastSquaresFit fit(std::initializer_list<const Columns*> parts) const {
    Columns columns = constant;
    for (const Columns* part : parts) columns.insert(columns.end(), part->begin(), part->end());
    return least_squares(std::move(columns), values);
  }
};

Outcome<TwoFactors> two_factors(std::span<const Observation> observations, std::string_view factor_a,
                                std::string_view factor_b) {
  const auto a = levels_of(observations, &Observation::a);
  const auto b = levels_of(observations, &Observation::b);
  for (const auto& [factor, levels] : {std::pair(factor_a, &a), std::pair(factor_b, &b)}) {
    if (levels->size() < 2) return CannotBeHad{fmt::format("there is but one {}", factor)};
  }
  std::map<std::pair<std::string, std::string>, std::vector<double>> cells;
  TwoFactors design;
  for (const Observation& observation : observations) {
    if (!std::isfinite(observation.value)) {
      return CannotBeHad{fmt::format("a value of {} '{}' and {} '{}' is not finite", factor_a, observation.a,
                                     factor_b, observation.b)};
    }
    cells[{observation.a, observation.b}].push_back(observation.value);
    design.values.push_back(observation.value);
  }
  for (const std::string& level_a : a) {
    for (const std::string& level_b : b) {
      if (!cells.contains({level_a, level_b})) {
        return CannotBeHad{
            fmt::format("{} '{}' has no value for {} '{}'", factor_a, level_a, factor_b, level_b)};
      }
    }
  }
  for (auto& [names, values] : cells) {
    design.cells.push_back({names.first + " and " + names.second, std::move(values)});
  }
  const double center = mean(design.values);
  design.total = sum_of_squares(design.values);
  for (double& value : design.values) value -= center;
  design.constant = {std::vector<double>(observations.size(), 1.0)};
  design.a = contrasts(observations, &Observation::a, a);
  design.b = contrasts(observations, &Observation::b, b);
  design.a_x_b = products(design.a, design.b);
  return design;
}

AnovaTable residual_part(LeastSquaresFit fit, double df) {
  AnovaTable table;
  table.residuals = std::move(fit.residuals);
  table.residual_sum_of_squares = fit.residual_sum_of_squares;
  table.residual_df = df;
  table.residual_mean_square = fit.residual_sum_of_squares / df;
  return table;
}

}  // namespace

Outcome<AnovaTable> one_way_anova(std::span<const Group> groups, std::string_view factor) {
  if (auto reason = not_comparable(groups, 1)) return *reason;
  std::vector<double> all;
  for (const Group& group : groups) all.insert(all.end(), group.values.begin(), group.values.end());
  if (all.size() == groups.size()) {
    return CannotBeHad{
        fmt::format("each {} has one value (one seed): nothing tells chance from effect", factor)};
  }
  if (std::all_of(groups.begin(), groups.end(), [](const Group& g) { return constant(g.values); })) {
    return CannotBeHad{fmt::format("the values do not vary within any {}: F would be infinite", factor)};
  }
  const double center = mean(all);
  double between = 0;
  double weighted = 0;
  LeastSquaresFit fit;
  for (const Group& group : groups) {
    const double own = mean(group.values);
    const auto n = static_cast<double>(group.values.size());
    between += n * (own - center) * (own - center);
    weighted += n * (own - center);
    fit.residual_sum_of_squares += sum_of_squares(group.values);
    for (const double value : group.values) fit.residuals.push_back(value - own);
  }
  between -= weighted * weighted / static_cast<double>(all.size());
  AnovaTable table = residual_part(std::move(fit), static_cast<double>(all.size() - groups.size()));
  table.effects.push_back(effect(std::string(factor), between, static_cast<double>(groups.size() - 1),
                                 between + table.residual_sum_of_squares, table));
  return table;
}

Outcome<WelchAnova> welch_anova(std::span<const Group> groups) {
  if (auto reason = not_comparable(groups, 2)) return *reason;
  const auto k = static_cast<double>(groups.size());
  const double origin = groups[0].values[0];
  double weights = 0;
  double weighted = 0;
  for (const Group& group : groups) {
    if (constant(group.values)) {
      return CannotBeHad{
          fmt::format("the values of '{}' do not vary: its weight would be infinite", group.name)};
    }
    const double weight = static_cast<double>(group.values.size()) / variance(group.values);
    weights += weight;
    weighted += weight * (mean(group.values) - origin);
  }
  const double center = origin + weighted / weights;
  double between = 0;
  double spread = 0;
  for (const Group& group : groups) {
    const auto n = static_cast<double>(group.values.size());
    const double weight = n / variance(group.values);
    const double own = mean(group.values);
    between += weight * (own - center) * (own - center);
    spread += (1 - weight / weights) * (1 - weight / weights) / (n - 1);
  }
  spread /= k * k - 1;
  WelchAnova result;
  result.df1 = k - 1;
  result.df2 = 1 / (3 * spread);
  result.f = between / (k - 1) / (1 + 2 * (k - 2) * spread);
  result.p = f_upper(result.f, result.df1, result.df2);
  return result;
}

Outcome<AnovaTable> two_way_anova(std::span<const Observation> observations, std::string_view factor_a,
                                  std::string_view factor_b, SumsOfSquares type) {
  const Outcome<TwoFactors> design = two_factors(observations, factor_a, factor_b);
  if (!design) return CannotBeHad{design.reason()};
  const size_t parameters = design->cells.size();
  if (observations.size() == parameters) {
    return CannotBeHad{
        fmt::format("each {} and {} together have one value (one seed): nothing tells chance from "
                    "interaction",
                    factor_a, factor_b)};
  }
  if (std::all_of(design->cells.begin(), design->cells.end(),
                  [](const Group& g) { return constant(g.values); })) {
    return CannotBeHad{
        fmt::format("the values do not vary within any {} and {}: F would be infinite", factor_a, factor_b)};
  }
  const auto squares = [&](std::initializer_list<const Columns*> parts) {
    return design->fit(parts).residual_sum_of_squares;
  };
  const Columns* a = &design->a;
  const Columns* b = &design->b;
  const Columns* a_x_b = &design->a_x_b;
  AnovaTable table =
      residual_part(design->fit({a, b, a_x_b}), static_cast<double>(observations.size() - parameters));
  const double additive = squares({a, b});
  const double full = table.residual_sum_of_squares;
  const bool second = type == SumsOfSquares::kTypeII;
  const auto add = [&](std::string source, double explained, const Columns* columns) {
    table.effects.push_back(
        effect(std::move(source), explained, static_cast<double>(columns->size()), design->total, table));
  };
  add(std::string(factor_a), second ? squares({b}) - additive : squares({b, a_x_b}) - full, a);
  add(std::string(factor_b), second ? squares({a}) - additive : squares({a, a_x_b}) - full, b);
  add(fmt::format("{} x {}", factor_a, factor_b), additive - full, a_x_b);
  return table;
}

Outcome<AnovaTable> blocked_anova(std::span<const Observation> observations, std::string_view factor,
                                  std::string_view block) {
  const Outcome<TwoFactors> design = two_factors(observations, factor, block);
  if (!design) return CannotBeHad{design.reason()};
  for (const Group& cell : design->cells) {
    if (cell.values.size() > 1) {
      return CannotBeHad{
          fmt::format("{} have {} values: a block has one a {}", cell.name, cell.values.size(), factor)};
    }
  }
  const Columns* a = &design->a;
  const Columns* b = &design->b;
  AnovaTable table = residual_part(design->fit({a, b}), static_cast<double>(a->size() * b->size()));
  // Of the values, not of what they vary by: that is how far off rounding leaves them.
  constexpr double kRounding = 1e-26;  // of squares, that is 1e-13 of the values
  double squares = 0;
  for (const Observation& observation : observations) squares += observation.value * observation.value;
  if (table.residual_sum_of_squares <= kRounding * squares) {
    return CannotBeHad{
        fmt::format("nothing is left that {} and {} do not explain: F would be infinite", factor, block)};
  }
  for (const auto& [source, own, other] : {std::tuple(factor, a, b), std::tuple(block, b, a)}) {
    table.effects.push_back(effect(
        std::string(source), design->fit({other}).residual_sum_of_squares - table.residual_sum_of_squares,
        static_cast<double>(own->size()), design->total, table));
  }
  return table;
}

}  // namespace thimble::statistics
