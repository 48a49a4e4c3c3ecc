#include "deploy/emulator/target.h"

#include <algorithm>

namespace thimble::deploy {
namespace {

using Words = std::vector<std::string>;

Words operator+(Words left, const Words& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}

const Words kQuiet = {"-display", "none", "-monitor", "none", "-serial", "none"};
const Words kSemihosting = {"-semihosting-config", "enable=on,target=native", "-kernel"};
constexpr const char* kMps2Memory = "4 MB for code, 16 MB for weights and 4 MB for the arena";

Target cortex_m(std::string core, std::string board, std::string name, const std::string& script,
                const Words& flags) {
  return {.core = std::move(core),
          .board = board,
          .name = std::move(name),
          .tools = "arm-none-eabi-",
          .machine_flags = Words{"-mthumb"} + flags,
          .optimize_flags = {"-O2"},
          .link_flags = {"-nostartfiles", "-T", script},
          .size_link_flags = {"-nostartfiles", "-T", script},
          .code_sections = {".text"},
          .runtime = {"startup_cortex_m.S", "port_bare.c", "machine_cortex_m.c", "files_semihosting.c"},
          .library = {},
          .emulator = Words{"qemu-system-arm", "-M", board} + kQuiet + kSemihosting,
          .packages = "gcc-arm-none-eabi libnewlib-arm-none-eabi qemu-system-arm gcc libc6-dev",
          .memory = kMps2Memory};
}

Target risc_v(std::string core, std::string name, const Words& flags, const char* cpu) {
  return {.core = std::move(core),
          .board = "virt",
          .name = std::move(name),
          .tools = "riscv64-unknown-elf-",
          .machine_flags = flags + Words{"--specs=picolibc.specs"},
          .optimize_flags = {"-O2"},
          .link_flags = {"-nostartfiles", "-T", "board_virt_rv32.ld"},
          .size_link_flags = {"-nostartfiles", "-T", "board_virt_rv32.ld"},
          .code_sections = {".text"},
          .runtime = {"startup_rv32.S", "port_bare.c", "machine_rv32.c", "files_semihosting.c"},
          .library = {},
          .emulator = Words{"qemu-system-riscv32", "-M", "virt", "-cpu", cpu, "-bios", "none"} + kQuiet +
                      kSemihosting,
          .packages = "gcc-riscv64-unknown-elf picolibc-riscv64-unknown-elf qemu-system-misc gcc libc6-dev",
          .memory = kMps2Memory};
}

/// An LX6 has 16 registers for floats and 16 others.
Target make_float_lx6() {
  Words flags = {"-march=rv32imafc", "-mabi=ilp32f"};
  for (const char* half : {"fa6",  "fa7",  "fs2", "fs3", "fs4",  "fs5",  "fs6", "fs7", "fs8", "fs9",
                           "fs10", "fs11", "ft8", "ft9", "ft10", "ft11", "s2",  "s3",  "s4",  "s5",
                           "s6",   "s7",   "s8",  "s9",  "s10",  "s11",  "t3",  "t4",  "t5",  "t6"}) {
    flags.push_back(std::string("-ffixed-") + half);
  }
  return risc_v("xtensa-lx6-float", "the emulated RV32IMFC, as an Xtensa LX6 with its floating-point unit",
                flags, "rv32,d=off");
}

std::vector<Target> make_targets() {
  const Words single_precision = {"-mcpu=cortex-m4", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16"};
  std::vector<Target> all;
  all.push_back(cortex_m("cortex-m4f", "mps2-an386", "the emulated Cortex-M4", "board_mps2_an386.ld",
                         single_precision));
  all.push_back(cortex_m("cortex-m4f", "netduinoplus2", "the emulated Netduino Plus 2",
                         "board_netduinoplus2.ld", single_precision));
  all.back().memory = "512 KB for code, 512 KB for weights and 120 KB for the arena";
  all.push_back(cortex_m("cortex-m7", "mps2-an500", "the emulated Cortex-M7", "board_mps2_an500.ld",
                         {"-mcpu=cortex-m7", "-mfloat-abi=hard", "-mfpu=fpv5-d16"}));
  // No board of QEMU has a Cortex-M0+ and enough memory; a Cortex-M3 runs all that it runs.
  all.push_back(cortex_m("cortex-m0plus", "mps2-an385", "the emulated Cortex-M3, as a Cortex-M0+",
                         "board_mps2_an386.ld", {"-mcpu=cortex-m0plus", "-mfloat-abi=soft"}));
  all.push_back(
      risc_v("rv32imc", "the emulated RV32IMC", {"-march=rv32imc", "-mabi=ilp32"}, "rv32,f=off,d=off,a=off"));
  // GCC of Debian knows the lx106 alone, whose instructions are a part of an LX6's; QEMU's de212 is an LX6
  // with MAC16 and zero-overhead loops, though without MULSH and floats.
  all.push_back({.core = "xtensa-lx6",
                 .board = "sim",
                 .name = "the emulated Xtensa LX6",
                 .tools = "xtensa-lx106-elf-",
                 .machine_flags = {"-mlongcalls", "-mtext-section-literals",
                                   "--specs=/usr/lib/xtensa-lx106-elf/picolibc.specs"},
                 .optimize_flags = {"-O2"},
                 .link_flags = {"-nostartfiles", "-T", "board_sim_xtensa.ld"},
                 .size_link_flags = {"-nostartfiles", "-T", "board_sim_xtensa.ld"},
                 .code_sections = {".text"},
                 .runtime = {"startup_xtensa.S", "port_bare.c", "files_simcall.c"},
                 .library = {"arithmetic_lx106.c"},
                 .emulator = Words{"qemu-system-xtensa", "-M", "sim", "-cpu", "de212", "-semihosting"} +
                             kQuiet + Words{"-kernel"},
                 .packages = "gcc-xtensa-lx106 picolibc-xtensa-lx106-elf qemu-system-misc gcc libc6-dev",
                 .memory = kMps2Memory});
  all.push_back({.core = "cortex-a72",
                 .board = "linux",
                 .name = "the emulated Cortex-A72",
                 .tools = "aarch64-linux-gnu-",
                 .machine_flags = {"-mcpu=cortex-a72"},
                 .optimize_flags = {"-O3"},
                 .link_flags = {"-static"},
                 .size_link_flags = {"-nostartfiles", "-no-pie"},
                 .code_sections = {".text", ".plt"},
                 .runtime = {"linux_aarch64.S", "linux_faults.c", "port_stdio.c"},
                 .library = {},
                 .emulator = {"qemu-aarch64", "-cpu", "cortex-a72"},
                 .packages = "gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user gcc libc6-dev",
                 .memory = "2 GB in all"});
  return all;
}

}  // namespace

std::span<const Target> targets() {
  static const std::vector<Target> all = make_targets();
  return all;
}

const Target* find_target(const device::DeviceProfile& device) {
  const auto all = targets();
  const auto found = std::find_if(all.begin(), all.end(), [&](const Target& target) {
    return target.core == device.core.value &&
           (device.emulated_board.value.empty() || device.emulated_board.value == target.board);
  });
  if (found != all.end()) return &*found;
  static const Target float_lx6 = make_float_lx6();
  return device.core.value == float_lx6.core ? &float_lx6 : nullptr;
}

}  // namespace thimble::deploy
