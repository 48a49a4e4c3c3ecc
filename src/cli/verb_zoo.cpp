#include <fmt/format.h>

#include "cli/common.h"
#include "cli/table.h"
#include "cli/verbs.h"
#include "zoo/zoo.h"

namespace thimble::cli {
namespace {

/// "32x32x3": a sample's shape, without the batch.
std::string sample_shape(const Graph& graph) {
  const Shape& shape = graph.tensor(graph.inputs[0]).shape;
  return to_string(Shape(shape.begin() + 1, shape.end()));
}

void list_zoo(const CommonOptions& common) {
  nlohmann::json document = nlohmann::json::array();
  Table table({"name", "input", "parameters", "MACs", "description"});
  for (const zoo::Entry& entry : zoo::entries()) {
    const Graph graph = zoo::build(entry.name, common.seed);
    document.push_back({{"name", entry.name},
                        {"input", graph.tensor(graph.inputs[0]).shape},
                        {"classes", entry.defaults.classes},
                        {"width", entry.defaults.width},
                        {"parameters", parameter_count(graph)},
                        {"macs", mac_count(graph)},
                        {"description", entry.description}});
    table.add({entry.name, sample_shape(graph), grouped(parameter_count(graph)), grouped(mac_count(graph)),
               entry.description});
  }
  print(common, document, table.text());
}

void show_network(const CommonOptions& common, const std::string& name) {
  const Graph graph = zoo::build(name, common.seed);
  nlohmann::json layers = nlohmann::json::array();
  Table table({"layer", "operator", "output", "MACs"});
  for (const Node& node : graph.nodes) {
    const Shape& shape = graph.tensor(node.outputs[0]).shape;
    layers.push_back(
        {{"name", node.name}, {"op", name_of(node.op)}, {"output", shape}, {"macs", mac_count(graph, node)}});
    table.add({node.name, std::string(name_of(node.op)), to_string(shape), grouped(mac_count(graph, node))});
  }
  const nlohmann::json document = {
      {"name", name}, {"parameters", parameter_count(graph)}, {"macs", mac_count(graph)}, {"layers", layers}};
  print(common, document,
        fmt::format("{}\n{}: {} parameters, {} multiply-accumulates\n", table.text(), name,
                    grouped(parameter_count(graph)), grouped(mac_count(graph))));
}

}  // namespace

void add_zoo(CLI::App& program) {
  static CommonOptions common;
  static std::string name;
  CLI::App* verb = program.add_subcommand("zoo", "architectures: list, show NAME")->require_subcommand(1);
  verb->footer("Example:\n  thimble zoo show mobilenet-v2,width=0.5");
  add_verb(*verb, "list", "names, parameters, multiply-accumulates", "", "thimble zoo list", common)
      ->callback([] { list_zoo(common); });
  CLI::App* one = add_verb(*verb, "show", "the layers of one",
                           "NAME may be followed by settings: width multiplies the channels, classes is\n"
                           "their number, input the shape of a sample as HxWxC.",
                           "thimble zoo show resnet8,width=0.5,input=64x64x1,classes=3", common);
  one->add_option("NAME", name, "an architecture, NAME[,key=value...]")->required()->option_text(" ");
  one->callback([] { show_network(common, name); });
}

}  // namespace thimble::cli
