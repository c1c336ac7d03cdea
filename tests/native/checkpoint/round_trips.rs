//! Folder to file to folder, f32 and f16, and what independent code makes of our files.

use std::borrow::Cow;
use std::collections::BTreeMap;

use ddpm::checkpoint::{Checkpoint, Metadata, ParamShape, Precision, Weights, folder};
use ddpm::spec::VarianceType;
use safetensors::SafeTensors;
use serde_json::json;

use super::{FIXTURES, Scratch, assert_refused, fixture};

const WEIGHTS: &str = "diffusion_pytorch_model.safetensors";

/// All tensors, as (name, shape, elements).
fn tensors(checkpoint: &Checkpoint) -> Vec<(String, Vec<usize>, Vec<f32>)> {
    let weights = &checkpoint.weights;
    let tensor = |name: &str| {
        (name.to_owned(), weights.shape(name).unwrap().to_vec(), weights.get(name).unwrap().into_owned())
    };
    weights.names().map(tensor).collect()
}

/// The tensors of a file as the `safetensors` crate reads them.
fn independently(bytes: &[u8]) -> BTreeMap<String, (Vec<usize>, Vec<f32>)> {
    let file = SafeTensors::deserialize(bytes).unwrap();
    let tensor = |(name, view): (&str, safetensors::tensor::TensorView)| {
        let values = match view.dtype() {
            safetensors::Dtype::F16 => {
                view.data().chunks_exact(2).map(|v| half::f16::from_le_bytes([v[0], v[1]]).to_f32()).collect()
            }
            _ => view.data().chunks_exact(4).map(|v| f32::from_le_bytes([v[0], v[1], v[2], v[3]])).collect(),
        };
        (name.to_owned(), (view.shape().to_vec(), values))
    };
    file.iter().map(tensor).collect()
}

#[test]
fn every_fixture_loads() {
    for (name, count, elements) in FIXTURES {
        let checkpoint = folder::load(fixture(name)).unwrap();
        assert_eq!(checkpoint.weights.names().len(), count, "{name}");
        assert_eq!(checkpoint.weights.parameters(), elements, "{name}");
        let mut expected = independently(&std::fs::read(fixture(name).join(WEIGHTS)).unwrap());
        for (tensor, shape, values) in tensors(&checkpoint) {
            let mut found = expected.remove(&tensor);
            for (old, new) in
                [("query", "to_q"), ("key", "to_k"), ("value", "to_v"), ("proj_attn", "to_out.0")]
            {
                found = found.or_else(|| expected.remove(&tensor.replace(new, old)));
            }
            assert_eq!(found, Some((shape, values)), "{name}: {tensor}");
        }
        assert!(expected.is_empty());
    }
    let learned = folder::load(fixture("classes16")).unwrap();
    assert_eq!(learned.diffusion.variance_type, VarianceType::LearnedRange);
    assert_eq!(folder::load(fixture("grey28")).unwrap().diffusion, Default::default());
}

#[test]
fn the_old_attention_names_are_the_new_ones() {
    let [old, new] = ["cifar32_legacy_keys", "cifar32"].map(|name| folder::load(fixture(name)).unwrap());
    assert_eq!(tensors(&old), tensors(&new));
    assert_eq!(old.to_bytes(Precision::F32).unwrap(), new.to_bytes(Precision::F32).unwrap());
}

#[test]
fn f32_survives_folder_file_folder() {
    let scratch = Scratch::new("f32_survives");
    for (name, ..) in FIXTURES {
        let first = folder::load(fixture(name)).unwrap();
        let (file, copy) = (scratch.path("model.safetensors"), scratch.path(name));
        folder::save_file(&first, &file, Precision::F32).unwrap();
        let second = folder::load(&file).unwrap();
        folder::save(&second, &copy, Precision::F32).unwrap();
        let third = folder::load(&copy).unwrap();
        assert_eq!(tensors(&first), tensors(&third), "{name}");
        assert_eq!((&first.unet, &first.diffusion), (&third.unet, &third.diffusion), "{name}");
        let bytes = third.to_bytes(Precision::F32).unwrap();
        assert_eq!(bytes, std::fs::read(&file).unwrap(), "{name}: the same bytes for the same checkpoint");
        assert_eq!(independently(&bytes).len(), first.weights.names().len());
        let weights = std::fs::read(copy.join("unet").join(WEIGHTS)).unwrap();
        assert_eq!(independently(&weights), independently(&bytes));
    }
}

#[test]
fn f16_survives_folder_file_folder_rounded_once() {
    let scratch = Scratch::new("f16_survives");
    let first = folder::load(fixture("classes16")).unwrap();
    let bytes = first.to_bytes(Precision::F16).unwrap();
    let second = Checkpoint::from_bytes(bytes.clone()).unwrap();
    assert_eq!(second.weights.precision("conv_in.weight"), Some(Precision::F16));
    for ((name, shape, exact), (_, rounded_shape, rounded)) in
        tensors(&first).into_iter().zip(tensors(&second))
    {
        assert_eq!(shape, rounded_shape);
        let expected: Vec<f32> = exact.iter().map(|&value| half::f16::from_f32(value).to_f32()).collect();
        assert_eq!(rounded, expected, "{name}");
    }
    assert_ne!(tensors(&first), tensors(&second));
    folder::save(&second, scratch.path("copy"), Precision::F16).unwrap();
    let third = folder::load(scratch.path("copy")).unwrap();
    assert_eq!(third.to_bytes(Precision::F16).unwrap(), bytes);
    assert_eq!(independently(&bytes)["conv_in.weight"].1, *third.weights.get("conv_in.weight").unwrap());
}

#[test]
fn metadata_survives_file_and_folder() {
    let scratch = Scratch::new("metadata_survives");
    let mut checkpoint = folder::load(fixture("classes16")).unwrap();
    for null_class in [None, Some(10), Some(3)] {
        let names = if null_class == Some(10) { 10 } else { 11 };
        checkpoint.metadata = Metadata {
            class_names: (0..names).map(|label| format!("label \"{label}\" é")).collect(),
            null_class,
            card: Some(json!({"data": "none", "steps": 4697, "loss": [0.25, 0.125], "licence": null})),
        };
        let file = Checkpoint::from_bytes(checkpoint.to_bytes(Precision::F16).unwrap()).unwrap();
        assert_eq!(file.metadata, checkpoint.metadata);
        folder::save(&file, scratch.path("copy"), Precision::F32).unwrap();
        assert_eq!(folder::load(scratch.path("copy")).unwrap().metadata, checkpoint.metadata);
    }
    checkpoint.metadata = Metadata::default();
    let bytes = checkpoint.to_bytes(Precision::F32).unwrap();
    assert_eq!(Checkpoint::from_bytes(bytes).unwrap().metadata, Metadata::default());
}

#[test]
fn metadata_that_does_not_fit_the_network_is_refused() {
    let mut classes = folder::load(fixture("classes16")).unwrap();
    let names = |count: usize| (0..count).map(|label| label.to_string()).collect::<Vec<_>>();
    for (class_names, null_class, words) in [
        (vec![], Some(11), ["ddpm", "null_class", "11"]),
        (names(10), None, ["ddpm", "class_names", "10"]),
        (names(10), Some(3), ["ddpm", "class_names", "10"]),
        (names(12), Some(10), ["ddpm", "class_names", "12"]),
    ] {
        classes.metadata = Metadata { class_names, null_class, card: None };
        assert_refused(classes.to_bytes(Precision::F32), &words);
    }
    let mut unconditional = folder::load(fixture("grey28")).unwrap();
    unconditional.metadata.null_class = Some(0);
    assert_refused(unconditional.to_bytes(Precision::F32), &["null_class", "num_class_embeds (0)"]);
}

#[test]
fn a_learned_variance_needs_outputs_for_it() {
    let mut checkpoint = folder::load(fixture("grey28")).unwrap();
    checkpoint.diffusion.variance_type = VarianceType::Learned;
    assert_refused(checkpoint.to_bytes(Precision::F32), &["out_channels", "expected 2", "found 1"]);
}

#[test]
fn aligned_f32_is_borrowed_and_unaligned_f32_is_right() {
    let config = r#"{"sample_size": 4, "block_out_channels": [4], "norm_num_groups": 2, "in_channels": 1,
        "out_channels": 1, "down_block_types": ["DownBlock2D"], "up_block_types": ["UpBlock2D"], "add_attention": false}"#;
    let values = [1.5f32, -2.0, 3.25];
    let mut borrowed = 0;
    for padding in 0..8 {
        let header =
            r#"{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,12]}}"#.to_owned() + &" ".repeat(padding);
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend(header.as_bytes());
        bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        let checkpoint = Checkpoint::from_parts(config, None, bytes).unwrap();
        let read = checkpoint.weights.get("a").unwrap();
        assert_eq!(*read, values);
        borrowed += usize::from(matches!(read, Cow::Borrowed(_)));
    }
    assert!(borrowed > 0 && borrowed < 8, "{borrowed} of 8 paddings are aligned");
}

#[test]
fn tensors_are_checked_against_the_network() {
    let checkpoint = folder::load(fixture("grey28")).unwrap();
    let owned: Vec<(String, Vec<usize>, Vec<f32>)> = tensors(&checkpoint);
    let all: Vec<ParamShape> = owned.iter().map(|(name, shape, _)| ParamShape { name, shape }).collect();
    checkpoint.check(&all).unwrap();
    assert_refused(checkpoint.check(&all[1..]), &[all[0].name, "no such tensor by the configuration"]);
    let mut more = all.clone();
    more.push(ParamShape { name: "mid_block.more", shape: &[1] });
    assert_refused(checkpoint.check(&more), &["mid_block.more", "expected [1]", "found no such tensor"]);
    let mut other = all;
    other[3].shape = &[2, 2];
    assert_refused(
        checkpoint.check(&other),
        &[other[3].name, "expected [2, 2]", &format!("{:?}", owned[3].1)],
    );
}

#[test]
fn weights_made_here_are_checked() {
    let made = |shape: &[usize], values: &[f32]| {
        Weights::from_f32([("a.weight".to_owned(), (shape.to_vec(), values.to_vec()))])
    };
    assert_eq!(*made(&[2, 1], &[1.0, 2.0]).unwrap().get("a.weight").unwrap(), [1.0, 2.0]);
    assert_refused(made(&[3], &[1.0, 2.0]), &["a.weight", "[3]", "found 2"]);
    assert_refused(made(&[1, 1, 1, 1, 1], &[1.0]), &["a.weight", "found 1"]);
    assert_refused(made(&[2], &[1.0, f32::NAN]), &["a.weight", "NaN at element 1"]);
    assert_refused(made(&[1], &[1.0]).unwrap().get("b"), &["tensor b", "found nothing"]);

    let mut checkpoint = folder::load(fixture("grey28")).unwrap();
    checkpoint.weights = made(&[2], &[1.0, 65520.0]).unwrap();
    assert_refused(checkpoint.to_bytes(Precision::F16), &["a.weight", "f16", "65520"]);
    checkpoint.weights = made(&[2], &[1.0, 65519.0]).unwrap();
    checkpoint.to_bytes(Precision::F16).unwrap();
}
