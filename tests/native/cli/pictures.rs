//! `ddpm edit`, `interpolate`, `progressive` and `latents`: grids whose known places are known.

use ddpm::picture::to_byte;
use image::{GrayImage, Luma, imageops};

use super::super::compare::max_abs;
use super::Scratch;
use super::bad_input::assert_refused;

const SHORT: &str = "--sampler ddim --steps 5 --scale 1";

/// A picture of the network's size, and its bytes.
fn shade(scratch: &Scratch, name: &str, of: fn(u32, u32) -> u8) -> Vec<u8> {
    let picture = GrayImage::from_fn(28, 28, |x, y| Luma([of(x, y)]));
    picture.save(scratch.0.join(name)).expect("saved");
    picture.into_raw()
}

fn grid(scratch: &Scratch, name: &str) -> GrayImage {
    let grid = image::open(scratch.0.join(name)).expect("a grid");
    assert_eq!(grid.color(), image::ColorType::L8, "grey stays grey");
    grid.to_luma8()
}

/// The 28 x 28 picture in a column and a row of a grid.
fn tile(grid: &GrayImage, column: u32, row: u32) -> Vec<u8> {
    imageops::crop_imm(grid, column * 28, row * 28, 28, 28).to_image().into_raw()
}

fn slope(x: u32, y: u32) -> u8 {
    (x * 9 + y / 4) as u8
}

fn steps(x: u32, y: u32) -> u8 {
    (y / 4 * 36 + x / 28) as u8
}

#[test]
fn edits_of_strength_0_are_the_picture_and_stronger_ones_variants_of_it() {
    let scratch = Scratch::new("edit", &["grey28"]);
    let picture = shade(&scratch, "a.png", slope);
    let edit = |what: &str| scratch.succeed(&format!("edit --model grey28 --input a.png {SHORT} {what}"));
    let said = edit("--strength 0 --out same.png");
    assert!(said.contains("strength 0, 0 steps"), "{said}");
    assert_eq!(tile(&grid(&scratch, "same.png"), 0, 0), picture);

    let said = edit("--strength 0.4 --count 3 --batch 2 --out some.png --tensors some.safetensors");
    assert!(said.contains("3 variants") && said.contains("2 steps"), "{said}");
    let some = grid(&scratch, "some.png");
    assert_eq!(some.dimensions(), (56, 56));
    let [first, second] = [tile(&some, 0, 0), tile(&some, 1, 0)];
    assert!(max_abs(&first, &second) > 2.0 && max_abs(&first, &picture) > 2.0, "variants differ");
    let (shape, values) = scratch.tensor("some.safetensors", "pictures");
    assert_eq!(shape, [3, 1, 28, 28]);
    assert_eq!(values[784..2 * 784].iter().map(|&x| to_byte(x)).collect::<Vec<u8>>(), second);
    edit("--strength 0.4 --count 3 --out again.png");
    assert_eq!(grid(&scratch, "again.png"), some, "whatever the batch");
}

#[test]
fn a_mask_keeps_what_is_black_in_it() {
    let scratch = Scratch::new("mask", &["grey28"]);
    let picture = shade(&scratch, "a.png", slope);
    shade(&scratch, "mask.png", |x, _| if x < 10 { 255 } else { 0 });
    let line = format!("edit --model grey28 --input a.png --mask mask.png --count 2 {SHORT}");
    let said = scratch.succeed(&format!("{line} --out open.png"));
    assert!(said.contains("strength 1, 5 steps"), "{said}");
    let open = grid(&scratch, "open.png");
    for column in 0..2 {
        let found = tile(&open, column, 0);
        let differ = |ix: &usize| found[*ix] != picture[*ix];
        assert!((0..784).filter(|ix| ix % 28 >= 10).all(|ix| !differ(&ix)), "what is black stays");
        assert!((0..784).filter(|ix| ix % 28 < 10).filter(differ).count() > 100, "what is white does not");
    }
    // Four of the five steps are taken three times.
    let said = scratch.succeed(&format!("{line} --resample 3 --out fitted.png"));
    assert!(said.contains("13 steps"), "{said}");
    let fitted = tile(&grid(&scratch, "fitted.png"), 0, 0);
    assert!((0..784).filter(|ix| ix % 28 >= 10).all(|ix| fitted[ix] == picture[ix]));
}

#[test]
fn interpolations_stand_between_their_pictures() {
    let scratch = Scratch::new("interpolate", &["grey28"]);
    let (from, to) = (shade(&scratch, "a.png", slope), shade(&scratch, "b.png", steps));
    let line = "interpolate --model grey28 --from a.png --to b.png --count 3 --times 0,500,1000";
    let said = scratch.succeed(&format!("{line} {SHORT} --out between.png"));
    // DDIM's five steps are at t = 800, 600, 400, 200 and 0.
    assert!(said.contains("0, 401, 801 steps of noise"), "{said}");
    let between = grid(&scratch, "between.png");
    assert_eq!(between.dimensions(), (5 * 28, 3 * 28));
    for row in 0..3 {
        assert_eq!((tile(&between, 0, row), tile(&between, 4, row)), (from.clone(), to.clone()));
    }
    assert_eq!((tile(&between, 1, 0), tile(&between, 3, 0)), (from.clone(), to.clone()), "without noise");
    let mixed: Vec<f64> = from.iter().zip(&to).map(|(a, b)| (f64::from(*a) + f64::from(*b)) / 2.0).collect();
    assert!(max_abs(&tile(&between, 2, 0), &mixed) <= 1.0, "the mix of pixels");
    assert!(max_abs(&tile(&between, 2, 1), &tile(&between, 2, 0)) > 2.0, "noise changes something");
}

#[test]
fn progressive_grids_end_with_the_samples() {
    let scratch = Scratch::new("progressive", &["grey28"]);
    let said = scratch.succeed(&format!(
        "progressive --model grey28 --count 3 --batch 2 --columns 4 {SHORT} --out progressive.png"
    ));
    assert!(said.contains("3 pictures") && said.contains("from 601, 201, 1 steps of noise"), "{said}");
    scratch.succeed(&format!("sample --model grey28 --count 3 {SHORT} --out samples.png"));
    let (progressive, samples) = (grid(&scratch, "progressive.png"), grid(&scratch, "samples.png"));
    assert_eq!(progressive.dimensions(), (3 * 28, 3 * 28));
    for (row, place) in [(0, (0, 0)), (1, (1, 0)), (2, (0, 1))] {
        let sample = tile(&samples, place.0, place.1);
        assert!(max_abs(&tile(&progressive, 2, row), &sample) <= 1.0, "picture {row}");
        assert!(max_abs(&tile(&progressive, 0, row), &sample) > 2.0, "the first guess of picture {row}");
    }
}

#[test]
fn latents_have_futures_of_their_own() {
    let scratch = Scratch::new("latents", &["grey28"]);
    let line = "latents --model grey28 --count 2 --times 201,1000 --sampler ddim --eta 1 --steps 5 --scale 1";
    let said = scratch.succeed(&format!("{line} --out latents.png"));
    assert!(said.contains("201, 801 steps of noise"), "{said}");
    let latents = grid(&scratch, "latents.png");
    assert_eq!(latents.dimensions(), (3 * 28, 2 * 28));
    let apart = |row| max_abs(&tile(&latents, 1, row), &tile(&latents, 2, row));
    assert!(apart(0) > 0.0 && apart(1) > 2.0, "{} and {}", apart(0), apart(1));
    // The first future of all is the seed's own picture.
    let sample =
        "sample --model grey28 --count 1 --sampler ddim --eta 1 --steps 5 --scale 1 --out sample.png";
    scratch.succeed(sample);
    let own = tile(&grid(&scratch, "sample.png"), 0, 0);
    for row in 0..2 {
        assert!(max_abs(&tile(&latents, 1, row), &own) <= 1.0, "row {row}");
    }
}

#[test]
fn langevin_dynamics_samples_too() {
    let scratch = Scratch::new("langevin", &["grey28"]);
    let line = "sample --model grey28 --count 2 --sampler langevin --steps 3 --langevin-steps 2 --scale 1";
    scratch.succeed(&format!("{line} --out a.png"));
    scratch.succeed(&format!("{line} --batch 1 --out b.png"));
    let [a, b] = ["a.png", "b.png"].map(|name| grid(&scratch, name));
    assert!(max_abs(a.as_raw(), b.as_raw()) <= 1.0, "whatever the batch");
    scratch.succeed(&format!("{line} --langevin-snr 0.2 --out c.png"));
    assert!(max_abs(a.as_raw(), grid(&scratch, "c.png").as_raw()) > 2.0, "the ratio matters");
}

#[test]
fn what_cannot_be_edited_is_refused() {
    let scratch = Scratch::new("no-edit", &["grey28", "classes16"]);
    shade(&scratch, "a.png", slope);
    GrayImage::new(27, 28).save(scratch.0.join("narrow.png")).expect("saved");
    scratch.write("text.png", b"no picture");
    let edit = "edit --model grey28 --input a.png";
    let between = "interpolate --model grey28 --from a.png --to a.png";
    let rows = [
        (2, "edit --model grey28".to_owned(), "--input"),
        (2, format!("{edit} --strength 1.5"), "expected 0 to 1"),
        (2, format!("{edit} --strength NaN"), "expected 0 to 1"),
        (2, format!("{edit} --strength -0.1"), "-0"),
        (2, format!("{edit} --count 0"), "--count"),
        (2, format!("{edit} --out edit.jpg"), ".png"),
        (2, format!("{edit} --eta 0.5"), "--sampler ddim"),
        (1, format!("{edit} --mask narrow.png"), "28 x 28 pixels, as the input has, found 27 x 28"),
        (1, format!("{edit} --mask text.png"), "text.png"),
        (2, format!("{edit} --resample 3"), "--mask"),
        (2, format!("{edit} --mask a.png --resample 0"), "--resample"),
        (1, format!("{edit} --mask a.png --resample 2 --sampler langevin"), "DDPM or DDIM"),
        (1, format!("{edit} --mask nothing.png"), "nothing.png"),
        (1, format!("{edit} --out a.png"), "another file"),
        (1, format!("{edit} --steps 1001"), "1 to 1000"),
        (1, format!("{edit} --label 3"), "without"),
        (1, "edit --model grey28 --input text.png".to_owned(), "text.png"),
        (1, "edit --model classes16 --input a.png --label shoe".to_owned(), "--label shoe"),
        (2, "interpolate --model grey28 --from a.png".to_owned(), "--to"),
        (2, format!("{between} --count 1"), "--count"),
        (2, format!("{between} --times some"), "--times"),
        (1, format!("{between} --times 1,1001"), "--times 1001: expected at most 1000"),
        (1, "interpolate --model grey28 --from a.png --to text.png".to_owned(), "text.png"),
        (2, "progressive --model grey28 --columns 0".to_owned(), "--columns"),
        (1, "progressive --model nothing".to_owned(), "nothing"),
        (1, "progressive --model grey28 --sampler ddim --steps 1001".to_owned(), "1 to 1000"),
        (1, "latents --model grey28 --times 2000".to_owned(), "--times 2000: expected at most 1000"),
        (1, "latents --model classes16 --label 99".to_owned(), "--label 99"),
        (2, "sample --model grey28 --langevin-steps 3".to_owned(), "--sampler langevin"),
        (2, "sample --model grey28 --sampler ddim --langevin-snr 0.2".to_owned(), "--sampler langevin"),
        (2, "sample --model grey28 --sampler langevin --langevin-snr 0".to_owned(), "more than 0"),
        (2, "sample --model grey28 --sampler langevin --langevin-steps 0".to_owned(), "--langevin-steps"),
        (2, "sample --model grey28 --sampler langevin --eta 0.5".to_owned(), "--sampler ddim"),
        (1, "sample --model grey28 --sampler langevin --steps 1001".to_owned(), "1 to 1000"),
    ];
    let rows: Vec<(i32, &str, &str)> =
        rows.iter().map(|(status, line, words)| (*status, line.as_str(), *words)).collect();
    assert_refused(&scratch, &rows);
}
