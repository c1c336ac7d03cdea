//! Files that are not what they say, each refused in one sentence.

use ddpm::checkpoint::{Checkpoint, Precision, folder};
use serde_json::{Value, json};

use super::{assert_refused, fixture};

/// A network of few weights.
pub(super) const CONFIG: &str = r#"{"sample_size": 4, "block_out_channels": [4], "norm_num_groups": 2,
    "in_channels": 1, "out_channels": 1, "down_block_types": ["DownBlock2D"], "up_block_types": ["UpBlock2D"],
    "num_class_embeds": 3, "attention_head_dim": null}"#;

/// A file of `header` and `data`.
fn file(header: &str, data: &[u8]) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes(), header.as_bytes(), data].concat()
}

/// A file of one tensor, `a`.
fn tensor(dtype: &str, shape: Value, offsets: Value, data: &[u8]) -> Vec<u8> {
    file(&json!({"a": {"dtype": dtype, "shape": shape, "data_offsets": offsets}}).to_string(), data)
}

/// A packed file of one tensor with `metadata`.
fn packed(metadata: Value) -> Vec<u8> {
    let header = json!({
        "__metadata__": metadata, "a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]},
    });
    file(&header.to_string(), &1f32.to_le_bytes())
}

fn read(bytes: Vec<u8>) -> ddpm::error::Result<Checkpoint> {
    Checkpoint::from_parts(CONFIG, None, bytes)
}

#[test]
fn the_smallest_files_are_read() {
    read(file("{}", &[])).unwrap();
    read(tensor("F32", json!([1]), json!([0, 4]), &[0; 4])).unwrap();
    read(tensor("F16", json!([]), json!([0, 2]), &[0; 2])).unwrap();
    read(tensor("F32", json!([0, 7]), json!([0, 0]), &[])).unwrap();
    let packed = packed(json!({"unet_config": CONFIG, "scheduler_config": "{}", "ddpm": "{\"format\": 1}"}));
    assert_eq!(*Checkpoint::from_bytes(packed).unwrap().weights.get("a").unwrap(), [1.0]);
}

#[test]
fn truncated_files_are_refused_at_every_length() {
    let whole = packed(json!({"unet_config": CONFIG}));
    Checkpoint::from_bytes(whole.clone()).unwrap();
    for length in 0..whole.len() {
        assert_refused(Checkpoint::from_bytes(whole[..length].to_vec()), &["expected", "found"]);
    }
    let mut longer = whole;
    longer.push(0);
    assert_refused(Checkpoint::from_bytes(longer), &["expected 4 bytes", "found 5", "longer"]);
}

#[test]
fn headers_that_lie_are_refused() {
    let mut lying = packed(json!({"unet_config": CONFIG}));
    for length in
        [u64::MAX, u64::MAX - 7, 1 << 40, 100_000_001, 1 << 20, lying.len() as u64, lying.len() as u64 - 7]
    {
        lying[..8].copy_from_slice(&length.to_le_bytes());
        assert_refused(Checkpoint::from_bytes(lying.clone()), &[&length.to_string(), "truncated, damaged"]);
    }
    for length in [0, 1, 30] {
        lying[..8].copy_from_slice(&u64::to_le_bytes(length));
        assert_refused(Checkpoint::from_bytes(lying.clone()), &["header"]);
    }
    let long = file(&format!("{{}}{}", " ".repeat(100_000)), &[]);
    assert_refused(read(long), &["header of at most", "100002"]);
    assert_refused(read(b"<!DOCTYPE html>".to_vec()), &["truncated, damaged, or no safetensors file"]);
    assert_refused(read(file(" {}", &[])), &["header that begins with {"]);
    assert_refused(read(file("{\u{0}}", &[])), &["header is not the JSON"]);
    assert_refused(read([&4u64.to_le_bytes()[..], b"{\xff\xff}"].concat()), &["UTF-8"]);
    assert_refused(read(file("{} {}", &[])), &["header is not the JSON"]);
    assert_refused(read(file(&format!("{{\"a\":{}", "[".repeat(60_000)), &[])), &["tensor a"]);
}

#[test]
fn tensors_that_do_not_add_up_are_named() {
    for dtype in ["F64", "BF16", "I64", "U8", "F8_E4M3", "f32", "", "a\nb"] {
        let shown = dtype.replace('\n', "\\n");
        let found = format!("found {shown}");
        assert_refused(
            read(tensor(dtype, json!([1]), json!([0, 8]), &[0; 8])),
            &["tensor a", "F32 or F16", &found],
        );
    }
    for (shape, offsets) in [
        (json!([2]), json!([0, 4])),
        (json!([1]), json!([4, 0])),
        (json!([1, 1, 1, 1, 1]), json!([0, 4])),
        (json!([1]), json!([0, 4, 8])),
        (json!([1]), json!([0])),
        (json!([1u64 << 62, 16]), json!([0, 4])),
        (json!([u64::MAX]), json!([0, 4])),
        (json!([1]), json!([0, u64::MAX])),
        (json!([-1]), json!([0, 4])),
        (json!([1.0]), json!([0, 4])),
        (json!("1"), json!([0, 4])),
        (json!([1]), json!(null)),
    ] {
        assert_refused(read(tensor("F32", shape, offsets, &[0; 4])), &["tensor a", "expected"]);
    }
    let info = r#""dtype":"F32","shape":[1],"data_offsets""#;
    for (header, words) in [
        (format!(r#"{{"a":{{{info}:[0,4]}},"b":{{{info}:[2,6]}}}}"#), ["tensor b", "byte 4", "found 2"]),
        (format!(r#"{{"a":{{{info}:[0,4]}},"b":{{{info}:[0,4]}}}}"#), ["tensor ", "byte 4", "found 0"]),
        (format!(r#"{{"a":{{{info}:[0,4]}},"b":{{{info}:[6,10]}}}}"#), ["tensor b", "byte 4", "found 6"]),
        (format!(r#"{{"a":{{{info}:[4,8]}}}}"#), ["tensor a", "byte 0", "found 4"]),
        (format!(r#"{{"a":{{{info}:[0,4]}},"a":{{{info}:[4,8]}}}}"#), ["tensor a", "once", "twice"]),
        (format!(r#"{{"a":{{{info}:[0,4],"dtype":"F32"}}}}"#), ["tensor a", "dtype", "twice"]),
        (r#"{"a":{"dtype":"F32","shape":[1]}}"#.to_owned(), ["tensor a", "data_offsets", "found nothing"]),
        (r#"{"a":{"shape":[1],"data_offsets":[0,4]}}"#.to_owned(), ["tensor a", "dtype", "found nothing"]),
        (r#"{"a":3}"#.to_owned(), ["tensor a", "integer", "expected"]),
        (r#"{"__metadata__":{"ddpm":1}}"#.to_owned(), ["__metadata__", "integer", "expected"]),
        (r#"{"__metadata__":{"ddpm":"","ddpm":""}}"#.to_owned(), ["__metadata__", "ddpm", "twice"]),
        (r#"{"__metadata__":{},"__metadata__":{}}"#.to_owned(), ["__metadata__", "once", "twice"]),
    ] {
        assert_refused(read(file(&header, &[0; 8])), &words);
    }
    let old = format!(
        r#"{{"m.attentions.0.key.bias":{{{info}:[0,4]}},"m.attentions.0.to_k.bias":{{{info}:[4,8]}}}}"#
    );
    assert_refused(read(file(&old, &[0; 8])), &["m.attentions.0.to_k.bias", "twice"]);
}

#[test]
fn weights_that_are_not_finite_are_named() {
    for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let found = format!("found {value} at element 1");
        let data = [1f32.to_le_bytes(), value.to_le_bytes()].concat();
        assert_refused(
            read(tensor("F32", json!([2]), json!([0, 8]), &data)),
            &["tensor a", "finite", &found],
        );
        let data = [half::f16::ONE.to_le_bytes(), half::f16::from_f32(value).to_le_bytes()].concat();
        assert_refused(
            read(tensor("F16", json!([2]), json!([0, 4]), &data)),
            &["tensor a", "finite", &found],
        );
    }
}

#[test]
fn metadata_that_makes_no_sense_is_named() {
    for (metadata, words) in [
        (json!({}), ["unet_config", "found none", "ddpm pack"]),
        (json!({"unet_config": "{"}), ["unet_config", "JSON", "EOF"]),
        (json!({"unet_config": "[".repeat(500)}), ["unet_config", "JSON", "recursion"]),
        (json!({"unet_config": "{\"act_fn\": \"relu\"}"}), ["unet_config: act_fn", "silu", "relu"]),
        (json!({"unet_config": CONFIG, "scheduler_config": "7"}), ["scheduler_config", "object", "7"]),
        (json!({"unet_config": CONFIG, "ddpm": "{}"}), ["ddpm: format", "expected 1", "found nothing"]),
        (json!({"unet_config": CONFIG, "ddpm": "{\"format\":2}"}), ["ddpm: format", "expected 1", "found 2"]),
        (
            json!({"unet_config": CONFIG, "ddpm": "{\"format\":1,\"null_class\":3}"}),
            ["null_class", "(3)", "found 3"],
        ),
        (
            json!({"unet_config": CONFIG, "ddpm": "{\"format\":1,\"null_class\":-1}"}),
            ["null_class", "0 to", "-1"],
        ),
        (
            json!({"unet_config": CONFIG, "ddpm": "{\"format\":1,\"class_names\":[1]}"}),
            ["class_names", "strings", "[1]"],
        ),
        (
            json!({"unet_config": CONFIG, "ddpm": "{\"format\":1,\"class_names\":[\"a\"]}"}),
            ["class_names", "(3)", "found 1"],
        ),
    ] {
        assert_refused(Checkpoint::from_bytes(packed(metadata)), &words);
    }
    let large = json!({"unet_config": format!("{{\"a\":[{}0]}}", "0,".repeat(7000))});
    assert_refused(Checkpoint::from_bytes(packed(large)), &["unet_config", "bytes of memory"]);
}

#[test]
fn a_weights_file_alone_is_no_checkpoint() {
    let weights = fixture("grey28").join("diffusion_pytorch_model.safetensors");
    assert_refused(
        folder::load(&weights),
        &["diffusion_pytorch_model.safetensors", "unet_config", "ddpm pack"],
    );
    let whole = folder::load(fixture("grey28")).unwrap();
    Checkpoint::from_bytes(whole.to_bytes(Precision::F16).unwrap()).unwrap();
}
