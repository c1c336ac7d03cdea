//! Rasters and films: every byte where it belongs, colours close where a GIF cannot have them all.

use ddpm::film::Film;
use ddpm::picture::{Grid, Raster, to_byte};

use super::compare::{assert_fails, mean_abs};

/// The frames of a GIF in RGB, and their delays.
fn decode(bytes: &[u8]) -> Vec<(u16, Vec<u8>)> {
    let mut options = gif::DecodeOptions::new();
    options.set_color_output(gif::ColorOutput::RGBA);
    let mut decoder = options.read_info(bytes).expect("a GIF");
    assert_eq!(decoder.repeat(), gif::Repeat::Infinite);
    let mut frames = Vec::new();
    while let Some(frame) = decoder.read_next_frame().expect("a frame") {
        frames
            .push((frame.delay, frame.buffer.chunks_exact(4).flat_map(|rgba| rgba[..3].to_vec()).collect()));
    }
    frames
}

fn film(rasters: &[Raster]) -> Vec<(u16, Vec<u8>)> {
    let mut film = Film::new(&rasters[0]).expect("a film");
    for (raster, delay) in rasters.iter().zip(3..) {
        film.push(raster, delay).expect("a frame");
    }
    decode(&film.finish())
}

fn rgb(width: u32, height: u32, pixel: impl Fn(u32, u32) -> [u8; 3]) -> Raster {
    let pixels =
        (0..height).flat_map(|y| (0..width).map(move |x| (x, y))).flat_map(|(x, y)| pixel(x, y)).collect();
    Raster { width, height, channels: 3, pixels }
}

#[test]
fn bytes_are_the_nearest() {
    for byte in 0..=255u8 {
        assert_eq!(to_byte(f32::from(byte) / 127.5 - 1.0), byte);
    }
    assert_eq!([-2.0, -1.0, 0.0, 1.0, 1.5, f32::INFINITY].map(to_byte), [0, 0, 128, 255, 255, 255]);
    assert_eq!([f32::NEG_INFINITY, f32::NAN].map(to_byte), [0, 0]);
}

#[test]
fn grids_are_nearly_square_and_hold_every_picture() {
    for (count, columns, rows) in
        [(1, 1, 1), (2, 2, 1), (3, 2, 2), (5, 3, 2), (16, 4, 4), (17, 5, 4), (64, 8, 8)]
    {
        let grid = Grid::near_square(count, [1, 2, 2]);
        assert_eq!((grid.columns, grid.rows), (columns, rows), "{count}");
    }
    let grid = Grid { gap: 1, scale: 2, ..Grid::near_square(3, [3, 2, 1]) };
    let pictures: Vec<f32> = (0..18).map(|value| value as f32 / 17.0 * 2.0 - 1.0).collect();
    let raster = grid.draw(&pictures).expect("a raster");
    assert_eq!([raster.width, raster.height, raster.channels], [6, 10, 3]);
    let pixel = |x: usize, y: usize| &raster.pixels[(y * 6 + x) * 3..][..3];
    let value = |ix: u32| (ix as f32 * 15.0).round() as u8;
    assert_eq!(pixel(1, 1), [0, 2, 4].map(value), "picture 0, row 0");
    assert_eq!(pixel(4, 3), [7, 9, 11].map(value), "picture 1, row 1");
    assert_eq!(pixel(0, 9), [13, 15, 17].map(value), "picture 2, row 1");
    assert_eq!([pixel(2, 0), pixel(0, 5), pixel(5, 9)], [[0; 3]; 3], "gaps and what has no picture");

    let two_channels =
        Grid::strip(2, [2, 1, 2]).draw(&[-1.0, 1.0, 0.0, 1.0, 1.0, 1.0, -1.0, -1.0]).expect("a raster");
    assert_eq!((two_channels.channels, two_channels.pixels), (1, vec![0, 255, 128, 255, 255, 255, 0, 0]));
}

#[test]
fn rasters_that_cannot_be_are_refused() {
    let grid = Grid::near_square(4, [1, 8, 8]);
    assert!(grid.draw(&[0.0; 5 * 64]).is_err(), "too many pictures");
    assert!(grid.draw(&[0.0; 63]).is_err(), "no whole picture");
    assert!(grid.place(&mut Grid::strip(4, [1, 8, 8]).blank().expect("a raster"), 0, &[0.0; 64]).is_err());
    assert!(Grid { scale: 0, ..grid }.draw(&[]).is_err(), "nothing to see");
    assert!(Grid { gap: 1, ..Grid::near_square(4, [1, 0, 8]) }.draw(&[]).is_err(), "no rows");
    assert!(Grid { scale: u32::MAX, ..grid }.blank().is_err(), "too large");
    assert!(Grid::strip(u32::MAX, [u32::MAX; 3]).blank().is_err(), "far too large");
}

#[test]
fn grey_films_are_exact() {
    let pictures: Vec<f32> = (0..256).map(|grey| grey as f32 / 127.5 - 1.0).collect();
    let rasters = [1u32, 3].map(|scale| Grid { scale, ..Grid::strip(1, [1, 16, 16]) });
    for grid in rasters {
        let raster = grid.draw(&pictures).expect("a raster");
        let frames = film(&[raster.clone(), raster.clone()]);
        assert_eq!(frames.iter().map(|(delay, _)| *delay).collect::<Vec<_>>(), [3, 4]);
        let wanted: Vec<u8> = raster.pixels.iter().flat_map(|grey| [*grey; 3]).collect();
        assert!(frames.iter().all(|(_, found)| *found == wanted));
    }
}

#[test]
fn colours_of_films_are_exact_when_few_and_close_when_many() {
    let few = rgb(40, 30, |x, y| [(x * 6) as u8 & 0xf8, 200, (y / 5 * 8) as u8]);
    let smooth = rgb(128, 128, |x, y| [2 * x as u8, 2 * y as u8, (x + y) as u8]);
    let noise = rgb(128, 128, |x, y| {
        let mixed = (x * 128 + y).wrapping_mul(2_654_435_761) ^ (x * 97);
        [(mixed >> 8) as u8, (mixed >> 16) as u8, (mixed >> 24) as u8]
    });
    assert_eq!(film(std::slice::from_ref(&few))[0].1, few.pixels);
    for (name, raster, most) in [("smooth", smooth, 4.0), ("noise", noise, 16.0)] {
        let found = mean_abs(&film(std::slice::from_ref(&raster))[0].1, &raster.pixels);
        println!("{name}: mean |Δ| = {found:.2} of 255 (at most {most})");
        assert!(found <= most, "{name}: {found}");
    }
    let other = rgb(40, 31, |_, _| [0; 3]);
    assert_fails("a frame of another size", || drop(film(&[few, other])));
    let mut wide = Grid::strip(1, [1, 1, 70_000]).blank().expect("a raster");
    assert!(Film::new(&wide).is_err(), "wider than a GIF can be");
    wide.width = 65_535;
    assert!(Film::new(&wide).is_ok());
}

/// The compressor's codes widen, and its table fills up and begins anew, at other places for each of these.
#[test]
fn films_of_every_length_are_exact() {
    let noise = |width: u32| -> Vec<u8> {
        (0..width).map(|x| (x.wrapping_mul(2_654_435_761) ^ (x * x)).to_be_bytes()[1]).collect()
    };
    let short = (1..800).map(noise);
    let long = [noise(60_000), vec![7; 60_000], (0..60_000).map(|x| (x / 100) as u8).collect()];
    for pixels in short.chain(long) {
        let raster = Raster { width: pixels.len() as u32, height: 1, channels: 1, pixels };
        let found = film(std::slice::from_ref(&raster)).remove(0).1;
        assert!(found.chunks_exact(3).map(|rgb| rgb[0]).eq(raster.pixels), "{} pixels", raster.width);
    }
}
