#include "report/trust.h"

#include <fmt/format.h>

#include "base/error.h"
#include "device/cost.h"
#include "report/page.h"

namespace thimble::report {

std::string trust(const std::vector<std::string>& devices) {
  std::string html;
  for (const std::string& name : devices) {
    try {
      const device::DeviceProfile profile = device::load_device(name);
      const device::Calibration calibration = device::calibrate(profile);
      std::string errors;
      for (const device::Comparison& one : calibration.comparisons) {
        errors += fmt::format("{}{} {:+.1f} %{}", errors.empty() ? "" : ", ", one.published->network,
                              100 * one.error, one.published->fit ? " (fitted)" : "");
      }
      html += errors.empty()
                  ? fmt::format(
                        "<p>{}: no published latency of software that was counted is known, so the "
                        "error of its times is not; the range beside each says what they may be.</p>\n",
                        escaped(profile.title))
                  : fmt::format("<p>{}: times against published ones: {}.</p>\n", escaped(profile.title),
                                escaped(errors));
    } catch (const Error& error) {
      html += fmt::format("<p>{}: {}</p>\n", escaped(name), escaped(error.what()));
    }
  }
  return html;
}

}  // namespace thimble::report
