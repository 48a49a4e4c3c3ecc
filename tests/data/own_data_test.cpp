#include "data/own_data.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <set>
#include <string>

#include "base/files.h"
#include "data/validation.h"
#include "own_files.h"
#include "support/expect_error.h"

namespace thimble::data {
namespace {

using test::expect_error;
using test::flat_image;
using test::npy;
using test::npy_header;
using test::raw;
using Labels = std::vector<int32_t>;
using Names = std::vector<std::string>;

class OwnData : public ::testing::Test {
 protected:
  const TemporaryFolder folder_;
  const std::filesystem::path path_ = folder_.path() / "set";

  void write(const std::string& name, const std::string& content) const {
    write_file_atomically(path_ / name, content);
  }
  void image(const std::string& name, uint8_t grey, int32_t side = 4) const {
    write_file_atomically(path_ / name, encode_png(flat_image(side, side, {grey})));
  }
  void remove(const std::string& name) const { std::filesystem::remove_all(path_ / name); }

  TrainAndTest load() const { return load_own_data(path_); }
  void refuse(const std::string& part) const {
    expect_error([&] { load(); }, part);
  }
  TrainAndTest load_csv(const std::string& text) const {
    write("data.csv", text);
    return load_own_data(path_ / "data.csv");
  }
  void refuse_csv(const std::string& text, const std::string& part) const {
    expect_error([&] { load_csv(text); }, part);
  }
};

TEST_F(OwnData, folder_of_images_with_train_and_test) {
  image("train/cat/2.png", 20);
  image("train/cat/1.png", 10);
  write_file_atomically(path_ / "train/dog/3.JPG", test::encode_jpeg(flat_image(4, 4, {30})));
  image("test/dog/4.png", 40);
  write("README.txt", "beside the classes");
  write("train/cat/.hidden", "left by a file manager");
  const auto [train, test] = load();
  EXPECT_EQ(train.name, "set");
  EXPECT_EQ(train.sample_shape, (std::vector<int32_t>{4, 4, 1}));
  EXPECT_EQ(train.class_names, (Names{"cat", "dog"}));
  EXPECT_EQ(train.labels, (Labels{0, 0, 1}));
  EXPECT_EQ(train.sample(0)[0], 10);
  EXPECT_EQ(train.sample(1)[0], 20);
  EXPECT_NEAR(train.sample(2)[0], 30, 2);
  EXPECT_EQ(test.labels, (Labels{1}));
  EXPECT_EQ(test.sample(0)[0], 40);
  EXPECT_EQ(test.split, Split::kTest);
  EXPECT_TRUE(train.note.empty());
  EXPECT_TRUE(train.is_image());
  EXPECT_EQ(data::load(path_.string(), Split::kTest).labels, test.labels);
}

TEST_F(OwnData, folder_of_images_with_a_split_file) {
  for (const std::string name : {"10/a.png", "10/b.png", "9/a.png", "9/b.png"})
    image(name, name[0] == '9' ? 90 : 10);
  write("split.csv", "file,split\n9/a.png,train\n9/b.png,test\n10/a.png,train\n\"10/b.png\",test\n");
  const auto [train, test] = load();
  EXPECT_EQ(train.class_names, (Names{"9", "10"})) << "numbers are sorted as numbers";
  EXPECT_EQ(train.labels, (Labels{1, 0}));
  EXPECT_EQ(test.labels, (Labels{1, 0}));

  const std::string three = "9/a.png,train\n9/b.png,test\n10/a.png,train\n";
  write("split.csv", three);
  refuse("split.csv: does not name 10/b.png");
  write("split.csv", three + "10/b.png,validation\n");
  refuse("split.csv:4: has the split \"validation\"");
  write("split.csv", three + "10/c.png,test\n");
  refuse("split.csv:4: names \"10/c.png\", which is no image of this folder");
  write("split.csv", three + "../set/10/b.png,test\n");
  refuse("split.csv:4: names \"../set/10/b.png\", which is no image of this folder");
  write("split.csv", three + "9/a.png,train\n");
  refuse("split.csv:4: names 9/a.png for the second time");
  write("split.csv", three + "10/b.png,test,x\n");
  refuse("split.csv:4: has 3 fields");
  write("split.csv", "9/a.png\n");
  refuse("split.csv: has 1 columns");
  write("split.csv", "9/a.png,train\n9/b.png,train\n10/a.png,test\n10/b.png,test\n");
  refuse("set: has class \"10\" only in its test split");
  write("split.csv", "9/a.png,train\n9/b.png,train\n10/a.png,train\n10/b.png,train\n");
  refuse("set: has no sample for the test");
  remove("split.csv");
  std::filesystem::create_symlink("nowhere", path_ / "split.csv");
  refuse("split.csv: is neither a file nor a folder, or a link that leads nowhere");
}

TEST_F(OwnData, draws_a_fifth_of_every_class_for_the_test_and_says_so) {
  for (int i = 0; i < 10; ++i) {
    image("a/" + std::to_string(i) + ".png", static_cast<uint8_t>(i));
    image("b/" + std::to_string(i) + ".png", static_cast<uint8_t>(100 + i));
  }
  const auto [train, test] = load();
  EXPECT_EQ(test.labels, (Labels{0, 0, 1, 1}));
  EXPECT_EQ(train.size(), 16u);
  EXPECT_NE(test.note.find("20 % of every class were drawn (seed 1)"), std::string::npos) << test.note;
  std::set<uint8_t> seen;
  for (size_t i = 0; i < train.size(); ++i) seen.insert(train.sample(i)[0]);
  for (size_t i = 0; i < test.size(); ++i) EXPECT_TRUE(seen.insert(test.sample(i)[0]).second);
  EXPECT_EQ(load().test.samples, test.samples);
}

TEST_F(OwnData, names_the_image_that_is_not_right) {
  image("train/a/1.png", 1);
  image("train/b/1.png", 1);
  image("test/a/1.png", 1);
  load();
  image("test/a/2.png", 1, 5);
  refuse("test/a/2.png: is 5 x 5 x 1 (H x W x C), but train/a/1.png is 4 x 4 x 1");
  write_file_atomically(path_ / "test/a/2.png", encode_png(flat_image(4, 4, {1, 2, 3})));
  refuse("test/a/2.png: is 4 x 4 x 3 (H x W x C), but train/a/1.png is 4 x 4 x 1");
  const auto png = encode_png(flat_image(4, 4, {1}));
  write_file_atomically(path_ / "test/a/2.png", std::span(png).first(png.size() - 20));
  refuse("test/a/2.png: is not a sound PNG file");
  write("test/a/2.png", "");
  refuse("test/a/2.png: is empty");
  remove("test/a/2.png");
  std::filesystem::create_symlink("nowhere", path_ / "test/a/2.png");
  refuse("test/a/2.png: is neither a file nor a folder, or a link that leads nowhere");
  remove("test/a/2.png");
  write("test/a/2.txt", "text");
  refuse("test/a/2.txt: is not named as a PNG or JPEG file");
  remove("test/a/2.txt");
  image("test/a/inner/2.png", 1);
  refuse("test/a/inner: is a folder within the folder of a class");
  remove("test/a/inner");
  image("test/2.png", 1);
  refuse("test/2.png: is an image in no class's folder");
  remove("test/2.png");
  std::filesystem::create_directories(path_ / "train/c");
  refuse("train/c: is the folder of a class and has no image");
  remove("train/c");
  image("test/c/1.png", 1);
  refuse("set: has class \"c\" only in its test split");
  remove("test");
  refuse("set: has a folder train, but none named test");
  remove("train");
  refuse("set: has no folder of a class with images in it");
}

TEST_F(OwnData, follows_a_link_to_an_image) {
  image("train/a/1.png", 1);
  image("train/b/1.png", 2);
  image("elsewhere.bin", 3);
  std::filesystem::create_directories(path_ / "test/b");
  std::filesystem::create_symlink(path_ / "elsewhere.bin", path_ / "test/b/1.png");
  EXPECT_EQ(load().test.sample(0)[0], 3);
}

TEST_F(OwnData, csv_with_a_header_and_columns_that_say_their_part) {
  const auto [train, test] = load_csv(
      "subject,width,label,split,height\n"
      "7,1,rose,train,10\n7,3,lily,train,10\n8,2,rose,train,40\n9,\"4\",lily,test,+1e1\n");
  EXPECT_EQ(train.name, "data");
  EXPECT_EQ(train.sample_shape, (std::vector<int32_t>{1, 1, 2}));
  EXPECT_EQ(train.channel_names, (Names{"width", "height"}));
  EXPECT_EQ(train.class_names, (Names{"lily", "rose"}));
  EXPECT_EQ(train.labels, (Labels{1, 0, 1}));
  EXPECT_EQ(train.groups, (Labels{7, 7, 8}));
  EXPECT_EQ(train.values, (std::vector<float>{1, 10, 3, 10, 2, 40}));
  EXPECT_EQ(test.values, (std::vector<float>{4, 10}));
  EXPECT_TRUE(train.note.empty());
  // By hand, from the three training rows: means 2 and 20, deviations sqrt(2/3) and sqrt(200).
  EXPECT_EQ(test.normalization.mean, (std::vector<double>{2, 20}));
  std::vector<float> seen(2);
  read_sample(test, 0, seen);
  EXPECT_FLOAT_EQ(seen[0], static_cast<float>(2 / std::sqrt(2.0 / 3)));
  EXPECT_FLOAT_EQ(seen[1], static_cast<float>(-10 / std::sqrt(200.0)));
}

TEST_F(OwnData, csv_whose_columns_have_numbers_for_names_has_a_header_where_one_is_the_label) {
  std::string text = "0,1,label\n";  // as pandas writes it
  for (int i = 0; i < 20; ++i) text += std::to_string(i) + ",-1.5," + std::to_string(i % 2 * 10) + "\n";
  const auto [train, test] = load_csv(text);
  EXPECT_EQ(train.class_names, (Names{"0", "10"}));
  EXPECT_EQ(train.channel_names, (Names{"0", "1"}));
  EXPECT_EQ(train.size() + test.size(), 20u);

  std::string of_classes;  // of which one has such a name
  for (int i = 0; i < 20; ++i) of_classes += std::to_string(i) + (i % 2 == 0 ? ",group\n" : ",single\n");
  const auto classes = load_csv(of_classes);
  EXPECT_EQ(classes.train.class_names, (Names{"group", "single"}));
  EXPECT_EQ(classes.train.size() + classes.test.size(), 20u);
}

TEST_F(OwnData, csv_without_a_header_has_its_class_last) {
  std::string text;
  for (int i = 0; i < 20; ++i) text += std::to_string(i) + ",-1.5," + std::to_string(i % 2 * 10) + "\n";
  const auto [train, test] = load_csv(text);
  EXPECT_EQ(train.class_names, (Names{"0", "10"}));
  EXPECT_EQ(train.size(), 16u);
  EXPECT_EQ(test.size(), 4u);
  EXPECT_FALSE(test.note.empty());

  std::string split = "split\n";
  for (int i = 0; i < 20; ++i) split += i < 15 ? "train\n" : "test\n";
  write("data.split.csv", split);
  EXPECT_EQ(load_csv(text).test.size(), 5u);
  EXPECT_NE(load_csv(text).test.sha256, test.sha256);
  write("data.split.csv", split + "test\n");
  refuse_csv(text, "data.split.csv: has 21 rows for the 20 samples of ");
  write("data.split.csv", "train\ntest\nTest\n");
  refuse_csv(text, "data.split.csv:3: has the split \"Test\"");
  write("data.split.csv", "a,b\n");
  refuse_csv(text, "data.split.csv: has 2 columns");
}

TEST_F(OwnData, csv_with_groups_and_no_split_keeps_groups_whole) {
  std::string text = "x,group,label\n";
  for (int i = 0; i < 50; ++i)
    text += "1.0,person " + std::to_string(i / 10) + "," + std::to_string(i % 2) + "\n";
  const auto [train, test] = load_csv(text);
  EXPECT_EQ(test.size(), 10u);
  EXPECT_EQ(std::set<int32_t>(test.groups.begin(), test.groups.end()).size(), 1u);
  for (const int32_t group : train.groups) EXPECT_NE(group, test.groups[0]);
  EXPECT_NE(test.note.find("20 % of the groups"), std::string::npos) << test.note;
}

TEST_F(OwnData, csv_that_has_a_group_on_both_sides_says_so) {
  const auto both = load_csv("x,group,split,label\n1,1,train,a\n2,2,train,b\n3,2,test,b\n4,3,test,a\n");
  EXPECT_NE(both.test.note.find("1 of 2 groups in the test split have training samples too"),
            std::string::npos);
}

TEST_F(OwnData, csv_errors_name_the_line_and_the_column) {
  refuse_csv("a,b,label\n1,2,x\n1,nan,y\n",
             "data.csv:3: has \"nan\" in column \"b\", which is not a finite number");
  refuse_csv("a,b,label\n1,2,x\ninf,2,y\n",
             "data.csv:3: has \"inf\" in column \"a\", which is not a finite number");
  refuse_csv("1,2,x\n1,1e99,y\n", "data.csv:2: has \"1e99\" in column 2, which is not a finite number");
  refuse_csv("1,2,x\n1,,y\n", "data.csv:2: has nothing in column 2");
  refuse_csv(",a,label\n0,1,x\n1,2,y\n", "data.csv:1: has no name for column 1");
  refuse_csv("1,2,x\n1,two,y\n", "data.csv:2: has \"two\" in column 2, which is not a number");
  refuse_csv("1,2,x\n1,0x10,y\n", "data.csv:2: has \"0x10\" in column 2");
  refuse_csv("1,2,x\n1,++1,y\n", "data.csv:2: has \"++1\" in column 2");
  refuse_csv("1,2,x\n1,2\n", "data.csv:2: has 2 fields, the first row has 3");
  refuse_csv("1,2,x\n1,2,\n", "data.csv:2: has no class (in column 3)");
  refuse_csv("a,b,label\n", "data.csv: has a header and no rows");
  refuse_csv("", "data.csv: has no rows");
  refuse_csv("1;2;x\n", "data.csv:1: has 1 columns, too few for features and a class");
  refuse_csv("a,group,subject,label\n1,1,1,x\n", "data.csv:1: has two columns for the subject");
  refuse_csv("a,split,label\n1,train,x\n1,dev,y\n", "data.csv:3: has the split \"dev\"");
  refuse_csv("a,split,label\n1,train,x\n1,test,y\n", "data.csv: has class \"y\" only in its test split");
  refuse_csv("1,2,x\n1,2,x\n1,2,x\n", "data.csv: has a single class");
  refuse_csv("a,group,label\n1,1,x\n1,1,y\n",
             "has samples of one group alone, so there is none to keep for the test");
  std::string measured;
  for (int i = 0; i < 1200; ++i) measured += "1," + std::to_string(i) + ".5\n";
  refuse_csv(measured, "data.csv: has 1200 classes in column 2; at most 1000 are read");
}

TEST_F(OwnData, csv_takes_a_number_too_small_for_float32_as_zero) {
  EXPECT_EQ(load_csv("x,split,label\n1e-60,train,a\n1,train,b\n2,test,a\n").train.values[0], 0);
}

TEST_F(OwnData, npy_of_bytes_are_images_and_of_other_types_signals) {
  write("x.npy", npy(npy_header("|u1", "3, 2, 2"), raw<uint8_t>({0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11})));
  write("y.npy", npy(npy_header("<i8", "3,"), raw<int64_t>({0, 1, 1})));
  write("split.npy", npy(npy_header("|b1", "3,"), raw<uint8_t>({0, 0, 1})));
  const auto image = load();
  EXPECT_EQ(image.train.sample_shape, (std::vector<int32_t>{2, 2, 1}));
  EXPECT_EQ(image.train.samples, (std::vector<uint8_t>{0, 1, 2, 3, 4, 5, 6, 7}));
  EXPECT_EQ(image.test.labels, (Labels{1}));
  EXPECT_EQ(image.train.class_names, (Names{"0", "1"}));

  write("x.npy", npy(npy_header("<f8", "3, 2, 2"), raw<double>({0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11})));
  const auto signal = load();
  EXPECT_EQ(signal.train.sample_shape, (std::vector<int32_t>{1, 2, 2}));
  EXPECT_EQ(signal.train.values, (std::vector<float>{0, 1, 2, 3, 4, 5, 6, 7}));
  EXPECT_EQ(signal.test.normalization.mean, (std::vector<double>{3, 4}));

  write("x.npy", npy(npy_header("|u1", "3, 2"), raw<uint8_t>({0, 1, 2, 3, 4, 5})));
  EXPECT_EQ(load().train.sample_shape, (std::vector<int32_t>{1, 1, 2}));
  EXPECT_FALSE(load().train.is_image());
  write("x.npy", npy(npy_header("<i2", "3, 1, 2, 1"), raw<int16_t>({0, 1, 2, 3, 4, -5})));
  EXPECT_EQ(load().test.values, (std::vector<float>{4, -5}));
}

TEST_F(OwnData, npy_with_a_test_array_groups_and_names_of_classes) {
  write("x.npy", npy(npy_header("<f4", "2, 1"), raw<float>({1, 3})));
  write("y.npy", npy(npy_header("|u1", "2,"), raw<uint8_t>({0, 1})));
  write("x_test.npy", npy(npy_header("<f4", "1, 1"), raw<float>({5})));
  write("y_test.npy", npy(npy_header("|u1", "1,"), raw<uint8_t>({1})));
  write("classes.txt", "cat\ndog\r\n");
  auto both = load();
  EXPECT_EQ(both.train.class_names, (Names{"cat", "dog"}));
  EXPECT_EQ(both.test.values, (std::vector<float>{5}));
  write("groups.npy", npy(npy_header("<i4", "2,"), raw<int32_t>({1, 2})));
  refuse("groups_test.npy: is missing beside groups.npy");
  write("groups_test.npy", npy(npy_header("<i4", "1,"), raw<int32_t>({2})));
  both = load();
  EXPECT_EQ(both.test.groups, (Labels{2}));
  EXPECT_NE(both.test.note.find("1 of 1 groups"), std::string::npos);

  write("y_test.npy", npy(npy_header("|u1", "1,"), raw<uint8_t>({2})));
  refuse("y_test.npy: has 2 at [0]; it must be from 0 to 1");
  write("y_test.npy", npy(npy_header("|u1", "2,"), raw<uint8_t>({1, 1})));
  refuse("y_test.npy: has 2 elements for 1 samples");
  write("x_test.npy", npy(npy_header("<f4", "1, 2"), raw<float>({5, 6})));
  refuse("x_test.npy: has samples of shape (1, 1, 2), those of x.npy are (1, 1, 1)");
  remove("x_test.npy");
  remove("groups.npy");
  remove("groups_test.npy");
  write("classes.txt", "cat\ndog\nhorse\n");
  write("split.npy", npy(npy_header("|u1", "2,"), raw<uint8_t>({0, 0})));
  refuse("set: has no sample of class \"horse\"");
  remove("classes.txt");
  refuse("set: has no sample for the test");
  write("split.npy", npy(npy_header("|u1", "2,"), raw<uint8_t>({0, 2})));
  refuse("split.npy: has 2 at [1]; it must be from 0 to 1");
  write("split.npy", npy(npy_header("|u1", "1,"), raw<uint8_t>({0})));
  refuse("split.npy: has 1 elements for 2 samples");
  remove("y.npy");
  refuse("y.npy: cannot be opened");
  write("x.npy", npy(npy_header("<f4", "2,"), raw<float>({1, 3})));
  refuse("x.npy: has shape (2), not two to four axes");
  write("x.npy", npy(npy_header("<f4", "2, 0"), ""));
  refuse("x.npy: has shape (2, 0), so it is empty");
}

TEST_F(OwnData, names_a_path_that_is_none_of_these) {
  expect_error([&] { load_own_data(folder_.path() / "absent"); },
               "absent: is neither a folder nor a .csv file");
  write_file_atomically(folder_.path() / "data.txt", "1,2\n");
  expect_error([&] { load_own_data(folder_.path() / "data.txt"); },
               "data.txt: is neither a folder nor a .csv file");
  std::filesystem::create_directories(path_);
  refuse("set: has no folder of a class with images in it");
}

}  // namespace
}  // namespace thimble::data
