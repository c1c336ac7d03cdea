//! One picture file.

use std::path::Path;

use image::{DynamicImage, ImageDecoder, ImageError, ImageReader, Limits};

use super::fit::Picture;
use crate::error::{Error, Result};

/// Reads the picture `path`, whatever its name ends in, and turns it as its Exif says it stands.
///
/// # Errors
/// If it is none, or is more than 512 MiB decoded.
pub fn decode(path: &Path) -> Result<DynamicImage> {
    oriented(path).map_err(|error| Error::load(format!("{}: expected a picture ({error})", path.display())))
}

fn oriented(path: &Path) -> std::result::Result<DynamicImage, ImageError> {
    let mut decoder = ImageReader::open(path)?.with_guessed_format()?.into_decoder()?;
    // What the decoder takes for itself is limited; what it decodes to is not, unless we ask.
    Limits::default().reserve(decoder.total_bytes())?;
    let orientation = decoder.orientation()?;
    let mut image = DynamicImage::from_decoder(decoder)?;
    image.apply_orientation(orientation);
    Ok(image)
}

/// Reads the picture `path`: 8 bits, grey or RGB as it is, over white where it is transparent.
pub(super) fn picture(path: &Path) -> Result<Picture> {
    let image = decode(path)?;
    let size = [image.height(), image.width()];
    if size.contains(&0) {
        return Err(super::refused(path, "a picture", "one without pixels"));
    }
    let (has_color, has_alpha) = (image.color().has_color(), image.color().has_alpha());
    let pixels = match (has_color, has_alpha) {
        (true, true) => over_white::<4>(&image.into_rgba8()),
        (true, false) => image.into_rgb8().into_raw(),
        (false, true) => over_white::<2>(&image.into_luma_alpha8()),
        (false, false) => image.into_luma8().into_raw(),
    };
    Ok(Picture { size, channels: if has_color { 3 } else { 1 }, pixels })
}

/// `pixels` of `N` bytes, the last their alpha, over white: N − 1 bytes each.
fn over_white<const N: usize>(pixels: &[u8]) -> Vec<u8> {
    let over = |colour: u8, alpha: u8| {
        let [colour, alpha] = [colour, alpha].map(u32::from);
        // At most 255.
        ((colour * alpha + 255 * (255 - alpha) + 127) / 255) as u8
    };
    pixels
        .chunks_exact(N)
        .flat_map(|pixel| pixel[..N - 1].iter().map(move |&colour| over(colour, pixel[N - 1])))
        .collect()
}
