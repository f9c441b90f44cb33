"""What the kernels of pictures are given, as `pictures.h`, `gated_pictures.h` and `square_pictures.h` declare it."""

from ctypes import POINTER, Structure, c_int32, c_size_t, c_void_p

from models.native.structs import ProductStruct

MOST_COLOURS = 4
"""Of pictures.h."""

MOST_INPUTS = 64
"""Of products.h: places that the rows of one product come from, such as the pixels that a convolution looks at."""


class BiasesStruct(Structure):
    """`Biases` of products.h."""

    _fields_ = (("at", c_void_p), ("stride", c_size_t))


class ColourGroupStruct(Structure):
    """`ColourGroup` of pictures.h."""

    _fields_ = (
        ("start", c_int32),
        ("width", c_int32),
        ("seen", c_int32),
        ("weights", c_void_p),
        ("bias", c_void_p),
    )


class HeadStruct(Structure):
    """`Head` of pictures.h."""

    _fields_ = (("inputs", c_void_p), ("width", c_int32), ("groups", ColourGroupStruct * MOST_COLOURS))


class PicturesStruct(Structure):
    """`Pictures` of pictures.h."""

    _fields_ = (
        ("num_colours", c_int32),
        ("columns", c_int32),
        ("num_lanes", c_int32),
        ("num_levels", c_int32),
        ("num_heads", c_int32),
        ("heads", POINTER(HeadStruct)),
        ("wide", c_void_p),
        ("scratch", c_void_p),
    )


class PictureRowStruct(Structure):
    """`PictureRow` of pictures.h."""

    _fields_ = (
        ("row", c_int32),
        ("keys", c_void_p),
        ("temperatures", c_void_p),
        ("given", c_void_p),
        ("levels", c_void_p),
        ("nll_nats", c_void_p),
        ("parameters", c_void_p),
    )


class GatedLayerStruct(Structure):
    """`GatedPictureLayer` of gated_pictures.h."""

    _fields_ = (
        ("vertical", c_void_p),
        ("map", c_void_p),
        ("num_rows", c_int32),
        ("side", c_int32),
        ("width", c_int32),
        ("vertical_bias", BiasesStruct),
        ("down", ProductStruct),
        ("down_bias", BiasesStruct),
        ("offsets", c_void_p),
        ("row", c_void_p),
        ("gated", c_void_p),
        ("left", c_int32),
        ("row_width", c_int32),
        ("across", ColourGroupStruct * MOST_COLOURS),
        ("out", ColourGroupStruct * MOST_COLOURS),
    )


class GatedPicturesStruct(Structure):
    """`GatedPictures` of gated_pictures.h."""

    _fields_ = (
        ("common", PicturesStruct),
        ("layers", POINTER(GatedLayerStruct)),
        ("num_layers", c_int32),
        ("half", c_int32),
        ("offsets_width", c_int32),
        ("feature_width", c_int32),
        ("above", c_void_p),
        ("stream", c_void_p),
    )


class SquareStruct(Structure):
    """`Square` of square_pictures.h."""

    _fields_ = (
        ("above", c_void_p),
        ("map", c_void_p),
        ("num_rows", c_int32),
        ("side", c_int32),
        ("width", c_int32),
        ("offsets_width", c_int32),
        ("biases", BiasesStruct),
        ("offsets", c_void_p),
        ("here", ColourGroupStruct * MOST_COLOURS),
    )


class BlockStruct(Structure):
    """`Block` of square_pictures.h."""

    _fields_ = (
        ("conv", SquareStruct),
        ("stream", c_void_p),
        ("inside", c_void_p),
        ("inside_width", c_int32),
        ("reduce", ColourGroupStruct * MOST_COLOURS),
        ("expand", ColourGroupStruct * MOST_COLOURS),
    )


class SquarePicturesStruct(Structure):
    """`SquarePictures` of square_pictures.h."""

    _fields_ = (
        ("common", PicturesStruct),
        ("first", SquareStruct),
        ("blocks", POINTER(BlockStruct)),
        ("num_blocks", c_int32),
        ("stream_width", c_int32),
        ("stream", c_void_p),
    )
