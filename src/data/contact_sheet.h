#pragma once

#include "data/dataset.h"
#include "data/image_file.h"

namespace thimble::data {

/// A sheet of images, for a person to see what a set holds: a block of rows a class, in the order of the
/// classes, each headed by the class's name and its number of samples. The images are drawn with `random`, in
/// their own colours, small ones enlarged by a whole factor. Images only.
Image contact_sheet(const Dataset& dataset, Random random);

}  // namespace thimble::data
