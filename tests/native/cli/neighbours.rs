//! `ddpm neighbours`: training pictures are their own neighbours.

use super::Scratch;
use super::bad_input::assert_refused;

#[test]
fn pictures_that_were_learned_by_heart_are_found() {
    let scratch = Scratch::with_pictures("neighbours");
    scratch.succeed("train --config run.toml --steps 1 --out run");
    scratch.succeed("sample --model run/model.safetensors --count 3 --tensors samples.safetensors");
    let line = "neighbours --samples samples.safetensors --dataset folder:pictures --out pairs.png";
    let said = scratch.succeed(line);
    assert!(said.starts_with("3 samples above the nearest of 22 training pictures"), "{said}");
    // A sample and its neighbour, 8 pixels each and one between.
    let pairs = image::load_from_memory(&scratch.read("pairs.png")).expect("a picture").to_luma8();
    assert_eq!((pairs.width(), pairs.height()), (26, 17));

    // The three neighbours, taken for samples, are at no distance from themselves.
    let lower = (0..3u32).flat_map(|ix| (0..64u32).map(move |place| (ix * 9 + place % 8, 9 + place / 8)));
    let values: Vec<f32> = lower.map(|(x, y)| f32::from(pairs.get_pixel(x, y).0[0]) / 127.5 - 1.0).collect();
    let view = safetensors::tensor::TensorView::new(
        safetensors::Dtype::F32,
        vec![3, 1, 8, 8],
        bytemuck::cast_slice(&values),
    );
    let bytes = safetensors::serialize([("pictures", view.expect("a view"))], None).expect("bytes");
    scratch.write("samples.safetensors", &bytes);
    let said = scratch.succeed(line);
    assert!(said.contains("mean 0.0, least 0.0; of 2 test pictures: mean "), "{said}");

    assert_refused(
        &scratch,
        &[
            (1, "neighbours --samples run/model.safetensors --dataset folder:pictures", "no such tensor"),
            (1, "neighbours --samples run.toml --dataset folder:pictures", "expected a safetensors file"),
            (2, "neighbours --samples samples.safetensors --dataset pictures", "folder:PATH"),
            (2, "neighbours --samples samples.safetensors --dataset folder:pictures --out a.jpg", ".png"),
        ],
    );
}
