//! Bad input: one sentence on standard error, exit status 1 or 2, nothing written.

use safetensors::Dtype;
use safetensors::tensor::TensorView;

use super::Scratch;

/// Runs each line, which must fail with its status, say its words, and leave all files as they are.
pub fn assert_refused(scratch: &Scratch, rows: &[(i32, &str, &str)]) {
    let before = scratch.files();
    for (status, line, words) in rows {
        let output = scratch.ddpm(line);
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(*status), "ddpm {line}: {complaint}");
        assert_eq!(complaint.trim_end().lines().count(), 1, "ddpm {line}: {complaint}");
        assert!(complaint.contains(words), "ddpm {line}: {words:?} in {complaint}");
        assert!(output.stdout.is_empty(), "ddpm {line}: {}", String::from_utf8_lossy(&output.stdout));
        assert!(!complaint.contains("panic"), "ddpm {line}: {complaint}");
        assert_eq!(scratch.files(), before, "ddpm {line}");
    }
}

#[test]
fn bad_command_lines() {
    let scratch = Scratch::new("lines", &["grey28"]);
    assert_refused(
        &scratch,
        &[
            (2, "", "subcommand"),
            (2, "paint", "'paint'"),
            (2, "sample", "--model"),
            (2, "sample --model grey28 --colour 3", "--colour"),
            (2, "sample --model grey28 --count 0", "--count"),
            (2, "sample --model grey28 --count many", "--count"),
            (2, "sample --model grey28 --count 9 --first-sample 4294967290", "2^32"),
            (2, "sample --model grey28 --seed -1", "-1"),
            (2, "sample --model grey28 --sampler euler", "euler"),
            (2, "sample --model grey28 --steps 0", "--steps"),
            (2, "sample --model grey28 --batch 0", "--batch"),
            (2, "sample --model grey28 --sampler ddim --eta 1.5", "expected 0 to 1"),
            (2, "sample --model grey28 --eta 0.5", "--sampler ddim"),
            (2, "sample --model grey28 --size 28", "WxH"),
            (2, "sample --model grey28 --size 0x28", "WxH"),
            (2, "sample --model grey28 --scale 0", "--scale"),
            (2, "sample --model grey28 --guidance 2", "--label"),
            (2, "sample --model grey28 --out grid.jpg", ".png"),
            (2, "noise --image grey28/config.json --t 1,x", "--t"),
            (2, "noise --image grey28/config.json --out strip", ".png"),
            (2, "pack --model grey28", "--out"),
            (2, "pack --model grey28 --out packed.bin", ".safetensors"),
            (2, "pack --model grey28 --out packed.safetensors --precision f64", "f64"),
            (2, "debug", "subcommand"),
            (2, "debug predict --model grey28 --input io.safetensors", "--output"),
            (
                2,
                "debug predict --model grey28 --input a.safetensors --output b.safetensors --tile 9",
                "--tile",
            ),
        ],
    );
}

#[test]
fn bad_models_and_files() {
    let scratch = Scratch::new("files", &["grey28", "classes16"]);
    let weights = scratch.read("grey28/diffusion_pytorch_model.safetensors");
    let config = scratch.read("grey28/config.json");
    std::fs::create_dir(scratch.0.join("truncated")).expect("a folder");
    scratch.write("truncated/config.json", &config);
    scratch.write("truncated/diffusion_pytorch_model.safetensors", &weights[..weights.len() / 2]);
    std::fs::create_dir(scratch.0.join("other")).expect("a folder");
    scratch.write("other/config.json", &scratch.read("classes16/config.json"));
    scratch.write("other/diffusion_pytorch_model.safetensors", &weights);
    std::fs::create_dir(scratch.0.join("folder.png")).expect("a folder");
    scratch.write("card.json", b"[1, 2]");
    scratch.write("no.json", b"{");
    let huge = format!("{{\"a\": \"{}\"}}", "x".repeat(1 << 20));
    scratch.write("huge.json", huge.as_bytes());
    let pixel = image::GrayImage::new(1, 1);
    pixel.save(scratch.0.join("pixel.png")).expect("saved");
    scratch.write("half.png", &scratch.read("pixel.png")[..40]);
    assert_refused(
        &scratch,
        &[
            (1, "sample --model nothing", "nothing"),
            (1, "sample --model truncated", "truncated"),
            (1, "sample --model other", "tensor "),
            (1, "sample --model card.json", "card.json"),
            (1, "sample --model grey28 --steps 2000", "1 to 1000"),
            (1, "sample --model grey28 --size 30x30", "multiples of 4"),
            (1, "sample --model grey28 --label 3", "without"),
            (1, "sample --model grey28 --null-class 0", "--null-class"),
            (1, "sample --model classes16 --label 99", "--label 99"),
            (1, "sample --model classes16 --label shoe", "--label shoe"),
            (1, "sample --model classes16 --null-class 99", "--null-class 99"),
            (1, "sample --model classes16 --label 1 --guidance 2", "null class"),
            (1, "sample --model classes16 --label 1 --null-class 0 --guidance NaN", "guidance"),
            (1, "sample --model grey28 --count 2000000000", "raster"),
            (1, "sample --model grey28 --out nowhere/grid.png", "nowhere"),
            (1, "sample --model grey28 --out folder.png", "folder"),
            (1, "sample --model grey28 --adapter no-such-adapter", "no-such-adapter"),
            (1, "info --model nothing", "nothing"),
            (1, "info --adapter no-such-adapter", "no-such-adapter"),
            (1, "noise --image nothing.png", "nothing.png"),
            (1, "noise --image card.json", "card.json"),
            (1, "noise --image half.png", "half.png"),
            (1, "noise --image pixel.png --t 1000", "0 to 999"),
            (1, "noise --image pixel.png --out pixel.png", "pixel.png"),
            (1, "noise --image pixel.png --size 60000x60000", "--size"),
            (1, "pack --model grey28 --out nowhere/packed.safetensors", "nowhere"),
            (1, "pack --model grey28 --out packed.safetensors --class-names a,b", "class_names"),
            (1, "pack --model grey28 --out packed.safetensors --null-class 1", "--null-class 1"),
            (1, "pack --model grey28 --out packed.safetensors --card card.json", "object"),
            (1, "pack --model grey28 --out packed.safetensors --card no.json", "no.json"),
            (1, "pack --model grey28 --out packed.safetensors --card huge.json", "read again"),
        ],
    );
}

/// A safetensors file of `tensors`: name, type, shape and bytes.
fn file(tensors: &[(&str, Dtype, &[usize], Vec<u8>)]) -> Vec<u8> {
    let views = tensors.iter().map(|(name, dtype, shape, bytes)| {
        (*name, TensorView::new(*dtype, shape.to_vec(), bytes).expect("a tensor"))
    });
    safetensors::serialize(views, None).expect("a file")
}

fn floats(shape: &[usize], value: f32) -> Vec<u8> {
    value.to_le_bytes().repeat(shape.iter().product())
}

fn words(values: &[i64]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

#[test]
fn bad_tensors() {
    let scratch = Scratch::new("tensors", &["grey28", "classes16"]);
    // Each file of `sample`, `timestep` and perhaps `class_labels`; model, and what is said of it.
    let mut lines = Vec::new();
    let mut row = |model: &str, words: &'static str, tensors: &[(&str, Dtype, &[usize], Vec<u8>)]| {
        let name = format!("{}.safetensors", lines.len());
        scratch.write(&name, &file(tensors));
        lines.push((format!("debug predict --model {model} --input {name} --output out.safetensors"), words));
    };
    let grey: &[usize] = &[2, 1, 28, 28];
    let sample = |shape: &'static [usize]| ("sample", Dtype::F32, shape, floats(shape, 0.5));
    let timestep = |values: &'static [i64]| -> (&str, Dtype, &[usize], Vec<u8>) {
        ("timestep", Dtype::I64, if values.len() == 2 { &[2] } else { &[3] }, words(values))
    };
    row("grey28", "no such tensor", &[timestep(&[1, 2])]);
    row("grey28", "no such tensor", &[sample(&[2, 1, 28, 28])]);
    row("grey28", "found I32", &[("sample", Dtype::I32, grey, floats(grey, 0.0)), timestep(&[1, 2])]);
    row("grey28", "found F32", &[sample(&[2, 1, 28, 28]), ("timestep", Dtype::F32, &[2], floats(&[2], 1.0))]);
    row("grey28", "[N, 1, H, W]", &[sample(&[2, 28, 28]), timestep(&[1, 2])]);
    row("grey28", "[N, 1, H, W]", &[sample(&[0, 1, 28, 28]), timestep(&[1, 2])]);
    row("grey28", "1 channels", &[sample(&[2, 3, 28, 28]), timestep(&[1, 2])]);
    row("grey28", "multiples of 4", &[sample(&[2, 1, 28, 30]), timestep(&[1, 2])]);
    row(
        "grey28",
        "NaN at element 0",
        &[("sample", Dtype::F32, grey, floats(grey, f32::NAN)), timestep(&[1, 2])],
    );
    row("grey28", "inf", &[("sample", Dtype::F32, grey, floats(grey, f32::INFINITY)), timestep(&[1, 2])]);
    row("grey28", "found -1", &[sample(&[2, 1, 28, 28]), timestep(&[1, -1])]);
    row("grey28", "found 1000", &[sample(&[2, 1, 28, 28]), timestep(&[1, 1000])]);
    row("grey28", "found 4294967297", &[sample(&[2, 1, 28, 28]), timestep(&[1, (1 << 32) + 1])]);
    row("grey28", "[2] as sample has", &[sample(&[2, 1, 28, 28]), timestep(&[1, 2, 3])]);
    let labels = |values: &'static [i64]| ("class_labels", Dtype::I64, [2].as_slice(), words(values));
    row("grey28", "no classes", &[sample(&[2, 1, 28, 28]), timestep(&[1, 2]), labels(&[0, 0])]);
    row("classes16", "no such tensor", &[sample(&[2, 3, 16, 16]), timestep(&[1, 2])]);
    row("classes16", "found 999", &[sample(&[2, 3, 16, 16]), timestep(&[1, 2]), labels(&[0, 999])]);
    row("classes16", "found -5", &[sample(&[2, 3, 16, 16]), timestep(&[1, 2]), labels(&[-5, 0])]);
    row("classes16", "[3] as sample has", &[sample(&[3, 3, 16, 16]), timestep(&[1, 2, 3]), labels(&[0, 0])]);
    scratch.write("text.safetensors", b"no tensors here");
    lines.push((
        "debug predict --model grey28 --input text.safetensors --output out.safetensors".to_owned(),
        "text",
    ));
    lines.push((
        "debug predict --model grey28 --input nothing --output out.safetensors".to_owned(),
        "nothing",
    ));
    lines.push((
        "debug predict --model grey28 --input 0.safetensors --output 0.safetensors".to_owned(),
        "another",
    ));
    let rows: Vec<(i32, &str, &str)> = lines.iter().map(|(line, words)| (1, line.as_str(), *words)).collect();
    assert_refused(&scratch, &rows);
}
