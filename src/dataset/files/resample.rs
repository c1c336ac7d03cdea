//! Pictures of another size.

use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::InnerPixel;
use fast_image_resize::{PixelTrait, ResizeOptions, Resizer};

use crate::error::{Error, Result};

/// A picture's pixels (their bytes, `[H, W, C]`) of the size `from` (height, width), resampled to `to`.
///
/// The type of a pixel is chosen here and not by the crate while it runs: that would compile its code for all of them.
///
/// # Errors
/// If a side is more than the resampler can have.
pub(crate) fn resampled<P: PixelTrait>(
    pixels: &[u8],
    from: [u32; 2],
    to: [u32; 2],
    options: &ResizeOptions,
) -> Result<Vec<<P as InnerPixel>::Component>> {
    let refused = |why: String| {
        let ([height, width], [to_height, to_width]) = (from, to);
        Error::input(format!(
            "a picture of {width} x {height} cannot be resized to {to_width} x {to_height} ({why})"
        ))
    };
    let source = TypedImageRef::<P>::from_buffer(from[1], from[0], pixels);
    let source = source.map_err(|error| refused(error.to_string()))?;
    let mut resized = TypedImage::<P>::new(to[1], to[0]);
    let resize = Resizer::new().resize_typed(&source, &mut resized, options);
    resize.map_err(|error| refused(error.to_string()))?;
    Ok(P::components(resized.pixels()).to_vec())
}
