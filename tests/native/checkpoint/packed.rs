//! A packed file of the format's first day: every later version loads it, and makes the same picture.

use ddpm::checkpoint::Checkpoint;
use ddpm::diffusion::PredNoise;
use ddpm::sampler::{Conditioning, Method, Sampler, SamplerOptions};

use crate::compare::{assert_fails, assert_mean_abs};
use crate::fixtures::{json, path};
use crate::gpu::{block_on, devices};

/// Mean |Δ| of pictures on [−1, 1]: 1e-4 on [0, 1].
const TOLERANCE: f64 = 2e-4;

#[test]
fn the_first_packed_file_still_loads() {
    let expected = json("packed/v1.json");
    let texts = |key: &str| serde_json::from_value::<Vec<String>>(expected[key].clone()).expect("texts");
    let number = |key: &str| expected["options"][key].as_u64().expect("a number") as u32;
    let bytes = std::fs::read(path("packed/v1.safetensors")).expect("the file");
    let checkpoint = Checkpoint::from_bytes(bytes).expect("a checkpoint");
    assert_eq!(checkpoint.metadata.class_names, texts("class_names"));
    assert_eq!(checkpoint.metadata.null_class, Some(10));
    assert_eq!(checkpoint.metadata.card.as_ref().expect("a card")["name"], expected["name"]);

    let options = SamplerOptions {
        count: number("count"),
        seed: number("seed").into(),
        method: Method::Ddim { eta: 0.0, pred_noise: PredNoise::FromClippedXStart },
        steps: number("steps"),
        conditioning: Conditioning { label: Some(number("label")), guidance: None },
        ..SamplerOptions::default()
    };
    for gpu in devices() {
        let mut sampler = Sampler::new(gpu, &checkpoint, &options).expect("a chain");
        let mut encoder = gpu.encoder();
        for _ in 0..options.steps {
            sampler.step(&mut encoder);
        }
        gpu.submit(encoder);
        let values = block_on(sampler.read_view(0)).expect("the picture");
        let wanted: Vec<f64> = serde_json::from_value(expected["values"].clone())
            .unwrap_or_else(|e| panic!("{e}; the picture is {values:?}"));
        assert_mean_abs("the picture", &values, &wanted, TOLERANCE);
        let wrong: Vec<f64> = wanted.iter().map(|value| -value).collect();
        assert_fails("another picture", || assert_mean_abs("the picture", &values, &wrong, TOLERANCE));
    }
}
