//! The recording of the U-Net: its parameters, its sizes, and who shares whose memory.

use std::collections::BTreeMap;

use ddpm::checkpoint::folder;
use ddpm::error::ErrorKind;
use ddpm::graph::{Graph, Storage, TensorId, share_storage, unet};
use ddpm::spec::UNetSpec;

use super::compare::assert_fails;
use super::fixtures::path;

const FIXTURES: [&str; 3] = ["cifar32", "classes16", "grey28"];

fn spec(name: &str) -> UNetSpec {
    folder::load(path(&format!("unet/{name}"))).expect(name).unet
}

fn recording(name: &str) -> Graph {
    let spec = spec(name);
    unet::describe(&spec, spec.sample_size).expect(name)
}

#[test]
fn parameters_are_those_of_the_checkpoints() {
    for name in FIXTURES {
        let (graph, checkpoint) = (recording(name), folder::load(path(&format!("unet/{name}"))).expect(name));
        let recorded: BTreeMap<&str, &[usize]> =
            graph.params.iter().map(|param| (param.name.as_str(), param.shape.as_slice())).collect();
        assert_eq!(recorded.len(), graph.params.len(), "{name}: a parameter twice");
        let stored: BTreeMap<&str, &[usize]> = checkpoint
            .weights
            .names()
            .map(|name| (name, checkpoint.weights.shape(name).expect("a listed tensor")))
            .collect();
        assert_eq!(recorded, stored, "{name}");
        assert_eq!(graph.num_parameters(), checkpoint.weights.parameters() as u64, "{name}");
    }
}

/// What an operation reads is still there, and fits where it is.
fn assert_storage_is_sound(graph: &Graph, storage: &Storage) {
    let quads = |id: TensorId| u64::from(graph.tensor(id).pixels()) * u64::from(graph.tensor(id).quads());
    let place = |id: TensorId| storage.of_tensor[id.0];
    let mut holds = vec![None; storage.quads.len()];
    holds[place(graph.input())] = Some(graph.input());
    for op in &graph.ops {
        for id in op.inputs() {
            let tensor = graph.tensor(id);
            assert_eq!(holds[place(id)], Some(id), "{} was overwritten before {:?}", tensor.name, op);
        }
        let out = op.out();
        let read = op.inputs().iter().any(|&id| place(id) == place(out));
        assert!(!read, "{} is written over what is read", graph.tensor(out).name);
        assert!(quads(out) <= storage.quads[place(out)], "{} does not fit", graph.tensor(out).name);
        holds[place(out)] = Some(out);
    }
    assert_eq!(holds[place(graph.output())], Some(graph.output()), "the output was overwritten");
    // x_t is read again by whoever takes the step.
    assert_eq!(holds[place(graph.input())], Some(graph.input()), "the input was overwritten");
}

#[test]
fn activations_share_memory_soundly() {
    for name in FIXTURES {
        let graph = recording(name);
        let storage = share_storage(&graph);
        assert_storage_is_sound(&graph, &storage);
        let apart: u64 = graph.tensors.iter().map(|t| u64::from(t.pixels()) * u64::from(t.quads())).sum();
        let shared: u64 = storage.quads.iter().sum();
        println!("{name}: {shared} of {apart} vec4s a sample");
        assert!(3 * shared < apart, "{name}: {shared} of {apart} vec4s a sample");
    }
}

#[test]
fn unsound_sharing_is_seen() {
    let graph = recording("grey28");
    let sound = share_storage(&graph);
    // Each tensor that is ever read, put where another one lives that is written while it is needed.
    for op in &graph.ops {
        for id in op.inputs() {
            let mut unsound = sound.clone();
            unsound.of_tensor[id.0] = unsound.of_tensor[op.out().0];
            let name = &graph.tensor(id).name;
            assert_fails(name, || assert_storage_is_sound(&graph, &unsound));
        }
        let mut small = sound.clone();
        small.quads[sound.of_tensor[op.out().0]] = 0;
        assert_fails("too small", || assert_storage_is_sound(&graph, &small));
    }
}

#[test]
fn pictures_and_lists_that_do_not_fit_are_refused() {
    let grey = spec("grey28");
    for (what, spec, size, says) in [
        ("height", grey.clone(), [30, 28], "multiples of 4"),
        ("width", grey.clone(), [28, 26], "multiples of 4"),
        ("nothing", grey.clone(), [0, 28], "28 x 0"),
        (
            "up",
            UNetSpec { up_blocks: grey.up_blocks[1..].to_vec(), ..grey.clone() },
            [28, 28],
            "2 in up_block_types",
        ),
        ("down", UNetSpec { down_blocks: vec![], ..grey.clone() }, [28, 28], "0 in down_block_types"),
    ] {
        let error = unet::describe(&spec, size).expect_err(what);
        assert_eq!(error.kind(), ErrorKind::Input, "{what}");
        assert!(error.to_string().contains(says), "{what}: {error}");
    }
    let other = unet::describe(&grey, [32, 20]).expect("a multiple of 4");
    let tensor = other.tensor(other.output());
    assert_eq!((tensor.height, tensor.width, tensor.channels()), (32, 20, 1));
}
