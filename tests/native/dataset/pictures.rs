//! Single pictures of a folder: formats, colours, sizes, Exif.

use std::io::Cursor;

use ddpm::dataset::files::{LoadOptions, Source, decode};
use image::codecs::gif::GifEncoder;
use image::codecs::jpeg::JpegEncoder;
use image::{
    DynamicImage, Frame, GrayImage, ImageBuffer, ImageFormat, Luma, LumaA, Rgb, RgbImage, Rgba, RgbaImage,
};

use super::super::compare::{assert_fails, assert_max_abs};
use super::super::fuzz::most_held;
use super::super::refusal::assert_refused;
use super::super::scratch::Scratch;
use super::{read, write};

fn encoded(image: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image.into().write_to(&mut bytes, format).expect("encoded");
    bytes.into_inner()
}

/// The only picture of a folder: `[C, H, W]`.
fn loaded(name: &str, bytes: &[u8], size: [u32; 2], channels: u32) -> Vec<u8> {
    let scratch = Scratch::new("picture");
    write(&scratch, name, bytes);
    let options =
        LoadOptions { size: Some(size), channels: Some(channels), held_out: 0.0, ..Default::default() };
    let dataset = read(&Source::Folder(scratch.path("")), &options).expect("a picture").dataset;
    assert_eq!((dataset.num_pictures(), dataset.shape()), (1, [channels, size[0], size[1]]));
    assert_eq!((dataset.labels(), dataset.class_names()), (None, &[][..]));
    dataset.picture(0).to_vec()
}

/// `[C, H, W]` of an RGB picture.
fn planes(image: &RgbImage) -> Vec<u8> {
    (0..3).flat_map(|channel| image.pixels().map(move |pixel| pixel[channel])).collect()
}

#[test]
fn every_format_is_read_as_it_is() {
    let picture = RgbImage::from_fn(12, 8, |x, y| Rgb([(x / 4 * 90) as u8, (y / 4 * 200) as u8, 60]));
    for (name, format) in [
        ("a.png", ImageFormat::Png),
        ("a.gif", ImageFormat::Gif),
        ("a.webp", ImageFormat::WebP),
        ("a.bmp", ImageFormat::Bmp),
        // The content says what it is, not the name.
        ("a.jpeg", ImageFormat::Png),
    ] {
        assert_eq!(loaded(name, &encoded(picture.clone(), format), [8, 12], 3), planes(&picture), "{name}");
    }
    let mut jpeg = Vec::new();
    JpegEncoder::new_with_quality(&mut jpeg, 100).encode_image(&picture).expect("encoded");
    assert_max_abs("JPEG", &loaded("a.JPG", &jpeg, [8, 12], 3), &planes(&picture), 3.0);

    let mut film = Vec::new();
    let frames = [[1, 2, 3, 255], [200, 100, 50, 255]].map(|pixel| RgbaImage::from_pixel(2, 2, Rgba(pixel)));
    GifEncoder::new(&mut film).encode_frames(frames.map(Frame::new)).expect("encoded");
    assert_eq!(loaded("film.gif", &film, [2, 2], 3), [1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3], "the first frame");
}

#[test]
fn colours_become_those_asked_for() {
    let grey = GrayImage::from_fn(3, 1, |x, _| Luma([x as u8 * 100]));
    assert_eq!(loaded("a.png", &encoded(grey.clone(), ImageFormat::Png), [1, 3], 1), [0, 100, 200]);
    assert_eq!(
        loaded("a.png", &encoded(grey, ImageFormat::Png), [1, 3], 3),
        [0, 100, 200, 0, 100, 200, 0, 100, 200]
    );
    let colours = RgbImage::from_fn(4, 1, |x, _| {
        Rgb([[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]][x as usize])
    });
    assert_eq!(loaded("a.png", &encoded(colours, ImageFormat::Png), [1, 4], 1), [54, 182, 18, 255]);
    let deep: ImageBuffer<Luma<u16>, Vec<u16>> =
        ImageBuffer::from_fn(4, 1, |x, _| Luma([[0, 257 * 77, 32_768, 65_535][x as usize]]));
    assert_eq!(loaded("a.png", &encoded(deep, ImageFormat::Png), [1, 4], 1), [0, 77, 128, 255]);
}

#[test]
fn what_is_transparent_lies_over_white() {
    let pixels = [[0, 0, 0, 0], [0, 255, 0, 128], [10, 20, 30, 255]];
    let picture = RgbaImage::from_fn(3, 1, |x, _| Rgba(pixels[x as usize]));
    let wanted = [255, 127, 10, 255, 255, 20, 255, 127, 30];
    for format in [ImageFormat::Png, ImageFormat::WebP] {
        assert_eq!(loaded("a.png", &encoded(picture.clone(), format), [1, 3], 3), wanted, "{format:?}");
    }
    let grey: ImageBuffer<LumaA<u8>, Vec<u8>> =
        ImageBuffer::from_fn(3, 1, |x, _| LumaA([[9, 0], [0, 128], [9, 255]][x as usize]));
    assert_eq!(loaded("a.png", &encoded(grey, ImageFormat::Png), [1, 3], 1), [255, 127, 9]);
    // The hidden colour of transparent pixels does not bleed into their neighbours.
    let hidden = RgbaImage::from_fn(64, 64, |x, _| Rgba(if x < 32 { [255, 0, 0, 0] } else { [255; 4] }));
    assert_eq!(loaded("a.png", &encoded(hidden, ImageFormat::Png), [8, 8], 3), [255; 192]);
}

/// `jpeg` with an Exif segment that says `orientation`.
fn turned(jpeg: &[u8], orientation: u8) -> Vec<u8> {
    // Big-endian TIFF: one entry, tag 0x0112, one short; no further directory.
    let exif =
        [b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0", &[orientation, 0, 0, 0, 0, 0, 0][..]]
            .concat();
    let length = (exif.len() as u16 + 2).to_be_bytes();
    [&jpeg[..2], &[0xff, 0xe1], &length, &exif, &jpeg[2..]].concat()
}

#[test]
fn pictures_stand_as_their_exif_says() {
    let corners = [10u8, 80, 150, 220];
    let picture = GrayImage::from_fn(16, 16, |x, y| Luma([corners[(x / 8 + y / 8 * 2) as usize]]));
    let mut jpeg = Vec::new();
    JpegEncoder::new_with_quality(&mut jpeg, 100).encode_image(&picture).expect("encoded");
    // Which stored corner is seen top left, top right, bottom left, bottom right.
    let seen = [
        [0, 1, 2, 3],
        [1, 0, 3, 2],
        [3, 2, 1, 0],
        [2, 3, 0, 1],
        [0, 2, 1, 3],
        [2, 0, 3, 1],
        [3, 1, 2, 0],
        [1, 3, 0, 2],
    ];
    let assert_seen = |orientation: u8, seen: [usize; 4]| {
        let found = loaded("a.jpg", &turned(&jpeg, orientation), [16, 16], 1);
        let found = [0, 15, 15 * 16, 15 * 16 + 15].map(|ix| found[ix]);
        assert_max_abs(&format!("orientation {orientation}"), &found, &seen.map(|ix| corners[ix]), 2.0);
    };
    for (orientation, seen) in (1..).zip(seen) {
        assert_seen(orientation, seen);
    }
    assert_fails("unturned", || assert_seen(6, seen[0]));
    assert_seen(0, seen[0]);
    assert_seen(9, seen[0]);
}

#[test]
fn the_middle_is_kept_and_resampled_well() {
    // Three squares of 30 in a row, or in a column: the middle one is seen.
    let thirds = |across: bool| {
        let (width, height) = if across { (90, 30) } else { (30, 90) };
        let picture = RgbImage::from_fn(width, height, |x, y| {
            let mut colours = [0; 3];
            colours[(if across { x } else { y } / 30) as usize] = 255;
            Rgb(colours)
        });
        encoded(picture, ImageFormat::Png)
    };
    for across in [true, false] {
        for side in [10, 30, 45] {
            let plane = (side * side) as usize;
            let wanted = [vec![0; plane], vec![255; plane], vec![0; plane]].concat();
            // Resampled, the outermost pixels see a little of their neighbours that are cut off.
            let tolerance = if side == 30 { 0.0 } else { 40.0 };
            let found = loaded("a.png", &thirds(across), [side; 2], 3);
            assert_max_abs(&format!("across {across}, side {side}"), &found, &wanted, tolerance);
        }
    }
    let one = encoded(GrayImage::from_pixel(1, 1, Luma([123])), ImageFormat::Png);
    assert_eq!(loaded("a.png", &one, [7, 9], 1), [123; 63], "one pixel");
    for (width, height) in [(5000, 2), (2, 5000)] {
        let flat = encoded(GrayImage::from_pixel(width, height, Luma([99])), ImageFormat::Png);
        assert_eq!(loaded("a.png", &flat, [16, 16], 1), [99; 256], "{width} x {height}");
    }
    // Every second pixel black: grey from afar, where taking the nearest pixel would leave black or white.
    let squares = GrayImage::from_fn(256, 256, |x, y| Luma([if (x + y) % 2 == 0 { 255 } else { 0 }]));
    let small = loaded("a.png", &encoded(squares.clone(), ImageFormat::Png), [10, 10], 1);
    assert_max_abs("squares", &small, &[127.5; 100], 3.0);
    let nearest = image::imageops::resize(&squares, 10, 10, image::imageops::FilterType::Nearest);
    assert_fails("nearest", || assert_max_abs("nearest", nearest.as_raw(), &[127.5; 100], 3.0));
}

#[test]
fn a_picture_that_claims_to_be_huge_takes_no_memory() {
    let scratch = Scratch::new("bomb");
    let mut bytes = encoded(RgbImage::new(2, 2), ImageFormat::Bmp);
    // Width and height of its header.
    bytes[18..22].copy_from_slice(&60_000u32.to_le_bytes());
    bytes[22..26].copy_from_slice(&60_000u32.to_le_bytes());
    let path = write(&scratch, "bomb.bmp", &bytes);
    let (result, held) = most_held(|| decode(&path));
    assert_refused(result, &["bomb.bmp", "expected a picture"]);
    assert!(held < 1 << 20, "held {held} bytes");
}
