//! A state in a file: the same again, and never a damaged one.

use ddpm::gpu::{Algorithm, ConvShape, Method, Methods, Tile};
use ddpm::train::{SavedState, StateOrigin, Trainer};

use super::{Data, short, small_unet, untrained};
use crate::gpu::{block_on, cpu, gpu};
use crate::refusal::assert_refused;
use crate::scratch::Scratch;

/// One that the rule gives to Winograd's algorithm on adapters that compute on the CPU.
const SHAPE: ConvShape = ConvShape {
    samples: 2,
    height: 8,
    width: 8,
    in_quads: 8,
    out_quads: 8,
    kernel: 3,
    stride: 1,
    upsample: 0,
};
const DIRECT: Method =
    Method { algorithm: Algorithm::Direct, tile: Tile::Registers, splits: 1, half_weights: false };

#[test]
fn a_run_that_goes_on_has_the_methods_that_it_had() {
    let gpu = gpu().with_tile(Tile::Registers);
    let winograd = Method::new(Algorithm::Winograd, Tile::Registers);
    assert_eq!(gpu.method(&SHAPE), winograd, "the rule");
    let origin = |methods| StateOrigin {
        config: String::new(),
        pictures: 1,
        adapter: String::new(),
        tile: String::new(),
        methods,
    };
    assert_eq!(origin(vec![(SHAPE, DIRECT)]).methods_on(&gpu).method(&SHAPE), DIRECT);
    assert_eq!(origin(vec![(SHAPE, winograd)]).methods_on(&gpu).method(&SHAPE), winograd);
    let earlier = origin(Vec::new()).methods_on(&gpu.with_methods(Methods::Fixed(Algorithm::Winograd)));
    assert_eq!(earlier.method(&SHAPE), DIRECT, "all were computed directly before there was a choice");
}

#[test]
fn a_state_is_read_as_it_was_written_and_a_damaged_one_is_refused() {
    let scratch = Scratch::new("state");
    let path = scratch.path("state.safetensors");
    let mut trainer =
        Trainer::new(cpu(), &untrained(small_unet(None, 0.0)), &short(4, 2)).expect("a trainer");
    let data = Data::stripes(2, 4, 8);
    for step in 0..2 {
        trainer.train_step(&data.batch(step, false)).expect("a step");
    }
    let saved = SavedState {
        state: block_on(trainer.state()).expect("a state"),
        pending: block_on(trainer.read_losses(1)).expect("losses"),
        origin: StateOrigin {
            config: "steps = 2\n\"quoted\"".to_owned(),
            pictures: 8,
            adapter: "an adapter".to_owned(),
            tile: "Naive".to_owned(),
            methods: vec![(SHAPE, DIRECT)],
        },
    };
    saved.write(&path, trainer.graph()).expect("written");
    assert_eq!(SavedState::read(&path, trainer.graph()).expect("read"), saved);
    let bytes = std::fs::read(&path).expect("bytes");
    saved.write(&path, trainer.graph()).expect("written");
    assert!(std::fs::read(&path).expect("bytes") == bytes, "the same state gives other bytes");

    // One from when methods had neither splits nor f16 weights.
    let fields = r#",\"splits\":1,\"half_weights\":false"#.as_bytes();
    let place = bytes.windows(fields.len()).position(|window| window == fields).expect("a method's fields");
    let mut earlier = bytes.clone();
    earlier[place..place + fields.len()].fill(b' ');
    std::fs::write(&path, &earlier).expect("written");
    assert_eq!(SavedState::read(&path, trainer.graph()).expect("an earlier state"), saved);

    let refused = |bytes: &[u8], words: &[&str]| {
        std::fs::write(&path, bytes).expect("written");
        assert_refused(SavedState::read(&path, trainer.graph()), &[&["state.safetensors"], words].concat());
    };
    for length in [0, 7, 100, bytes.len() / 2, bytes.len() - 1] {
        refused(&bytes[..length], &["damaged"]);
    }
    for place in [bytes.len() / 2, bytes.len() - 5] {
        let mut spoilt = bytes.clone();
        spoilt[place] ^= 4;
        refused(&spoilt, &["checksum"]);
    }
    refused(b"text", &["damaged"]);
    let other = safetensors::serialize(Vec::<(String, safetensors::tensor::TensorView<'_>)>::new(), None);
    refused(&other.expect("a file"), &["ddpm_train"]);

    std::fs::write(&path, &bytes).expect("written");
    let classes = untrained(small_unet(Some(3), 0.0));
    let graph = ddpm::graph::unet::describe(&classes.unet, [8, 8]).expect("a graph");
    assert_refused(SavedState::read(&path, &graph), &["class_embedding.weight", "no such tensor"]);
    assert_refused(SavedState::read(&scratch.path("none"), &graph), &["none", "cannot be read"]);
}
