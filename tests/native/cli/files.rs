//! `ddpm pack` and `ddpm noise`: what is read is what was written.

use ddpm::checkpoint::{Precision, folder};
use ddpm::diffusion::q_sample;
use ddpm::rng::{self, Stream};
use ddpm::schedule::Schedule;
use ddpm::spec::DiffusionSpec;
use image::{GrayImage, ImageBuffer, Luma, Rgba};

use super::super::compare::assert_max_abs;
use super::Scratch;

#[test]
fn pack_keeps_weights_and_says_what_it_is_told() {
    let scratch = Scratch::new("pack", &["grey28"]);
    scratch.write("card.json", b"{\"data\": \"random numbers\"}");
    scratch.succeed("pack --model grey28 --out half.safetensors --card card.json");
    scratch.succeed("pack --model grey28 --out whole.safetensors --precision f32");
    scratch.succeed("pack --model half.safetensors --out again.safetensors");
    assert!(
        scratch.read("half.safetensors") == scratch.read("again.safetensors"),
        "packing twice changes the file"
    );

    let load = |name: &str| folder::load(scratch.0.join(name)).expect(name);
    let (original, half, whole) = (load("grey28"), load("half.safetensors"), load("whole.safetensors"));
    assert_eq!(half.metadata.card.expect("a card")["data"], "random numbers");
    assert_eq!((&half.unet, &half.diffusion), (&original.unet, &original.diffusion));
    for name in original.weights.names() {
        let wanted = original.weights.get(name).expect(name);
        assert_eq!(whole.weights.get(name).expect(name), wanted, "{name}");
        assert_eq!(half.weights.precision(name), Some(Precision::F16), "{name}");
        let largest = wanted.iter().fold(0.0f32, |largest, w| largest.max(w.abs()));
        let found = half.weights.get(name).expect(name);
        assert_max_abs(name, &found, &wanted, f64::from(largest) / 2048.0 + 1e-7);
    }
}

#[test]
fn noise_is_the_forward_process() {
    let scratch = Scratch::new("noise", &[]);
    let (width, height) = (13, 9);
    let picture = GrayImage::from_fn(width, height, |x, y| Luma([(x * 19 + y) as u8]));
    picture.save(scratch.0.join("picture.png")).expect("saved");
    let said = scratch.succeed("noise --image picture.png --t 0,500,999 --seed 11 --out strip.png");
    assert!(said.contains("1, 501, 1000 steps of noise"), "{said}");

    let strip = image::open(scratch.0.join("strip.png")).expect("a strip");
    assert_eq!(strip.color(), image::ColorType::L8, "grey stays grey");
    let strip = strip.to_luma8();
    assert_eq!(strip.dimensions(), (4 * width, height));
    let tile =
        |ix: u32| image::imageops::crop_imm(&strip, ix * width, 0, width, height).to_image().into_raw();
    assert_eq!(tile(0), picture.as_raw().clone(), "the first tile is the picture");
    let x_start: Vec<f64> = picture.as_raw().iter().map(|&byte| f64::from(byte) / 127.5 - 1.0).collect();
    let schedule = Schedule::new(&DiffusionSpec::default()).expect("a schedule");
    for (ix, t) in [(1, 0), (2, 500), (3, 999)] {
        let mut noise = vec![0.0; x_start.len()];
        rng::fill_normals(11, Stream::ForwardNoise, t, 0, &mut noise);
        let wanted: Vec<f64> = q_sample(&schedule, &x_start, t, &noise)
            .iter()
            .map(|x| ((x + 1.0) * 127.5).round().clamp(0.0, 255.0))
            .collect();
        assert_max_abs(&format!("t = {t}"), &tile(ix), &wanted, 1.0);
    }

    // A strip of the middle, a little smaller.
    scratch.succeed("noise --image picture.png --t 0 --size 4x8 --out cut.png");
    assert_eq!(image::open(scratch.0.join("cut.png")).expect("a strip").to_luma8().dimensions(), (8, 8));
    GrayImage::new(3, 60_000).save(scratch.0.join("thin.png")).expect("saved");
    scratch.succeed("noise --image thin.png --t 0 --size 600x300 --out cut.png");

    // The noise of t depends on nothing but the seed and t.
    scratch.succeed("noise --image picture.png --t 500 --seed 11 --out one.png");
    let one = image::open(scratch.0.join("one.png")).expect("a strip").to_luma8();
    assert_eq!(image::imageops::crop_imm(&one, width, 0, width, height).to_image().into_raw(), tile(2));
}

#[test]
fn noise_reads_sixteen_bits_and_lays_what_is_transparent_over_white() {
    let scratch = Scratch::new("noise16", &["grey28"]);
    let picture: ImageBuffer<Rgba<u16>, Vec<u16>> = ImageBuffer::from_fn(8, 6, |x, _| match x {
        0 => Rgba([0, 0, 0, 0]),
        1 => Rgba([0, 65535, 0, 32768]),
        _ => Rgba([65535, 257 * 100, 0, 65535]),
    });
    picture.save(scratch.0.join("picture.png")).expect("saved");
    scratch.succeed("noise --image picture.png --model grey28 --scale 2 --gap 1 --out strip.png");
    let strip = image::open(scratch.0.join("strip.png")).expect("a strip");
    assert_eq!(strip.color(), image::ColorType::Rgb8);
    let strip = strip.to_rgb8();
    assert_eq!(strip.dimensions(), ((8 * 6 + 5) * 2, 12), "the picture and five t, with gaps");
    assert_eq!([0, 2, 4].map(|x| strip.get_pixel(x, 3).0), [[255; 3], [127, 255, 127], [255, 100, 0]]);
}
