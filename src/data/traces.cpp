#include "data/traces.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <limits>
#include <vector>

#include "base/text.h"

namespace thimble::data {
namespace {

constexpr size_t kSamples = 3;  ///< of a class in a cell
constexpr size_t kMostChannels = 24;
constexpr size_t kMostClasses = 40;
constexpr size_t kMostSteps = 512;  ///< of a trace; longer ones are drawn by their lowest and highest values
constexpr size_t kBins = 24;
constexpr double kWidth = 130;
constexpr double kHeight = 70;
constexpr std::array<const char*, kSamples> kColours = {"#1b6ca8", "#d1603d", "#4f8a3c"};

struct Range {
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();

  void take(double value) {
    low = std::min(low, value);
    high = std::max(high, value);
  }
  /// Where a value lies between the two, from 0 to 1.
  double place(double value) const { return high > low ? (value - low) / (high - low) : 0.5; }
};

std::string escaped(const std::string& text) {
  std::string result;
  for (const char letter : text) {
    switch (letter) {
      case '<':
        result += "&lt;";
        break;
      case '>':
        result += "&gt;";
        break;
      case '&':
        result += "&amp;";
        break;
      case '"':
        result += "&quot;";
        break;
      default:
        result += letter;
    }
  }
  return result;
}

/// What a page is made of.
struct Page {
  const Dataset& dataset;
  size_t channels;
  size_t steps;                              ///< of a sample; 1: a table
  std::vector<std::vector<size_t>> members;  ///< of each class, in drawn order

  double value(size_t sample, size_t step, size_t channel) const {
    return static_cast<double>(dataset.raw_sample(sample)[step * channels + channel]);
  }
  size_t shown(size_t c) const { return std::min(kSamples, members[c].size()); }
};

/// Over what is drawn of a channel: in a signal the samples shown, in a table all.
Range range_of(const Page& page, size_t channel) {
  Range range;
  for (size_t c = 0; c < page.members.size(); ++c) {
    const size_t count = page.steps > 1 ? page.shown(c) : page.members[c].size();
    for (size_t i = 0; i < count; ++i) {
      for (size_t t = 0; t < page.steps; ++t) range.take(page.value(page.members[c][i], t, channel));
    }
  }
  return range;
}

std::string trace_cell(const Page& page, size_t c, size_t channel, const Range& range) {
  std::string cell;
  const size_t step = (page.steps + kMostSteps - 1) / kMostSteps;
  for (size_t i = 0; i < page.shown(c); ++i) {
    cell += fmt::format("<polyline stroke=\"{}\" points=\"", kColours[i]);
    for (size_t t = 0; t < page.steps; t += step) {
      Range piece;
      for (size_t at = t; at < std::min(t + step, page.steps); ++at)
        piece.take(page.value(page.members[c][i], at, channel));
      const double x =
          kWidth * static_cast<double>(t) / static_cast<double>(std::max<size_t>(page.steps - 1, 1));
      cell += fmt::format("{:.1f},{:.1f} ", x, kHeight * (1 - range.place(piece.high)));
      if (step > 1) cell += fmt::format("{:.1f},{:.1f} ", x, kHeight * (1 - range.place(piece.low)));
    }
    cell += "\"/>";
  }
  return cell;
}

std::string histogram_cell(const Page& page, size_t c, size_t channel, const Range& range) {
  std::array<size_t, kBins> counts{};
  for (const size_t sample : page.members[c])
    ++counts[std::min(kBins - 1, static_cast<size_t>(range.place(page.value(sample, 0, channel)) * kBins))];
  const auto most = static_cast<double>(std::max<size_t>(*std::max_element(counts.begin(), counts.end()), 1));
  std::string cell;
  for (size_t bin = 0; bin < kBins; ++bin) {
    const double height = kHeight * static_cast<double>(counts[bin]) / most;
    cell += fmt::format("<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\"/>",
                        kWidth * static_cast<double>(bin) / kBins, kHeight - height, kWidth / kBins - 0.6,
                        height);
  }
  return cell;
}

constexpr const char* kStyle = R"(
body { font: 14px sans-serif; color: #222; margin: 24px; }
table { border-collapse: collapse; }
th { font-weight: 600; text-align: left; padding: 4px 10px 4px 0; white-space: nowrap; }
th small { font-weight: normal; color: #666; }
td { padding: 2px; }
svg { background: #f6f6f4; display: block; }
polyline { fill: none; stroke-width: 1; }
rect { fill: #1b6ca8; }
line { stroke: #ccc; }
)";

}  // namespace

std::string traces_html(const Dataset& dataset, Random random) {
  assert(!dataset.is_image() && dataset.size() > 0);
  const auto channels = static_cast<size_t>(dataset.sample_shape.back());
  Page page{dataset, channels, dataset.sample_elements() / channels,
            std::vector<std::vector<size_t>>(dataset.class_names.size())};
  for (size_t i = 0; i < dataset.size(); ++i)
    page.members.at(static_cast<size_t>(dataset.labels[i])).push_back(i);
  for (auto& of_class : page.members) random.shuffle(std::span(of_class));

  const size_t shown_channels = std::min(channels, kMostChannels);
  const size_t shown_classes = std::min(page.members.size(), kMostClasses);
  std::string head;
  std::vector<Range> ranges;
  for (size_t channel = 0; channel < shown_channels; ++channel) {
    ranges.push_back(range_of(page, channel));
    const std::string name = channel < dataset.channel_names.size() ? escaped(dataset.channel_names[channel])
                                                                    : fmt::format("channel {}", channel);
    head += fmt::format("<th>{}<br><small>{:.4g} to {:.4g}</small></th>", name, ranges.back().low,
                        ranges.back().high);
  }
  std::string rows;
  for (size_t c = 0; c < shown_classes; ++c) {
    rows += fmt::format("<tr><th>{}<br><small>{} samples</small></th>", escaped(dataset.class_names[c]),
                        grouped(page.members[c].size()));
    for (size_t channel = 0; channel < shown_channels; ++channel) {
      const double zero = kHeight * (1 - ranges[channel].place(0));
      const std::string axis =
          zero > 0 && zero < kHeight && page.steps > 1
              ? fmt::format("<line x1=\"0\" x2=\"{0}\" y1=\"{1:.1f}\" y2=\"{1:.1f}\"/>", kWidth, zero)
              : "";
      rows += fmt::format("<td><svg width=\"{0}\" height=\"{1}\" viewBox=\"0 0 {0} {1}\">{2}{3}</svg></td>",
                          kWidth, kHeight, axis,
                          page.steps > 1 ? trace_cell(page, c, channel, ranges[channel])
                                         : histogram_cell(page, c, channel, ranges[channel]));
    }
    rows += "</tr>\n";
  }
  const std::string what = page.steps > 1 ? fmt::format(
                                                "Raw values of {} samples a class over {} time steps; a "
                                                "column has one scale, the grey line is zero.",
                                                kSamples, page.steps)
                                          : std::string(
                                                "How often each value occurs in a class, as histograms; a "
                                                "column has one scale, a cell's highest bar is its own.");
  const std::string left_out = shown_channels < channels || shown_classes < page.members.size()
                                   ? fmt::format(" The first {} of {} channels and {} of {} classes.",
                                                 shown_channels, channels, shown_classes, page.members.size())
                                   : "";
  return fmt::format(
      "<!doctype html>\n<html lang=\"en\"><head><meta "
      "charset=\"utf-8\"><title>{0}</title><style>{1}</style></head>\n"
      "<body><h1>{0}</h1>\n<p>{2}{3}</p>\n<table><tr><th></th>{4}</tr>\n{5}</table></body></html>\n",
      escaped(dataset.name), kStyle, what, left_out, head, rows);
}

}  // namespace thimble::data
