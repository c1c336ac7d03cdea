//! Every shader is what its Rust side believes, and no more than a browser's default limits allow.
//!
//! naga parses and validates each with every combination of its consts, and its reflection is compared with
//! [`Shader`]'s parameter struct, bindings and entry points.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use ddpm::gpu::{Binding, KernelKey, ParamsLayout, Shader, assemble};
use ddpm::ops::chain::{Chain, StepCoefficients};
use ddpm::ops::training_loss::LossCoefficients;
use ddpm::ops::{NATIVE_SHADERS, SHADERS};
use naga::proc::Layouter;
use naga::valid::{Capabilities, ModuleInfo, ShaderStages, ValidationFlags, Validator};
use naga::{
    AddressSpace, ImageClass, ImageDimension, Module, ScalarKind, ShaderStage, StorageAccess, TypeInner,
};

/// What WebGPU has without any feature; `unpack2x16float` is the one part of it that naga asks for by name.
const WEBGPU: Capabilities = Capabilities::SHADER_FLOAT16_IN_FLOAT32;
/// WebGPU's default limits.
const MAX_STORAGE_BUFFERS: usize = 8;
const MAX_WORKGROUP_BYTES: u32 = 16 << 10;
const MAX_INVOCATIONS: u32 = 256;

/// What naga says of a shader's interface.
#[derive(Debug)]
struct Reflection {
    params: Option<StructLayout>,
    /// From binding 1 on.
    bindings: Vec<(String, Option<Binding>)>,
    entry_points: Vec<String>,
    /// What breaks a rule by itself: a limit, a group, a gap in the bindings.
    faults: Vec<String>,
}

#[derive(Debug, PartialEq)]
struct StructLayout {
    name: String,
    size: usize,
    fields: Vec<(String, usize)>,
}

impl StructLayout {
    fn of(module: &Module, ty: naga::Handle<naga::Type>) -> Option<Self> {
        let ty = &module.types[ty];
        let TypeInner::Struct { members, span } = &ty.inner else { return None };
        let fields =
            members.iter().map(|m| (m.name.clone().unwrap_or_default(), m.offset as usize)).collect();
        Some(Self { name: ty.name.clone().unwrap_or_default(), size: *span as usize, fields })
    }

    fn is(&self, layout: &ParamsLayout) -> bool {
        let fields = self.fields.iter().map(|(name, offset)| (name.as_str(), *offset));
        self.name == layout.name && self.size == layout.size && fields.eq(layout.fields.iter().copied())
    }
}

/// Parses and validates with what WebGPU has without any feature.
fn validated(name: &str, text: &str) -> Result<(Module, ModuleInfo), String> {
    validated_with(WEBGPU, name, text)
}

/// What a shader says that it needs. naga has no word for subgroups yet; cooperative matrices are a subgroup's.
fn enabled(text: &str) -> Capabilities {
    let needs = text.lines().filter_map(|line| line.strip_prefix("enable ")?.strip_suffix(';'));
    needs.fold(WEBGPU, |all, name| {
        all | match name {
            "f16" => Capabilities::SHADER_FLOAT16,
            "wgpu_cooperative_matrix" => Capabilities::COOPERATIVE_MATRIX | Capabilities::SUBGROUP,
            _ => panic!("enable {name}"),
        }
    })
}

fn validated_with(
    capabilities: Capabilities,
    name: &str,
    text: &str,
) -> Result<(Module, ModuleInfo), String> {
    let module = naga::front::wgsl::parse_str(text).map_err(|e| e.emit_to_string_with_path(text, name))?;
    let info = Validator::new(ValidationFlags::all(), capabilities)
        .subgroup_stages(ShaderStages::COMPUTE)
        .subgroup_operations(naga::valid::SubgroupOperationSet::BASIC)
        .validate(&module)
        .map_err(|e| e.emit_to_string_with_path(text, name))?;
    Ok((module, info))
}

fn reflect(module: &Module, info: &ModuleInfo) -> Reflection {
    let mut layouter = Layouter::default();
    layouter.update(module.to_ctx()).expect("a validated module");
    let mut faults = Vec::new();

    let mut bound: Vec<_> =
        module.global_variables.iter().filter_map(|(_, v)| Some((v.binding?, v))).collect();
    bound.sort_by_key(|(at, _)| (at.group, at.binding));
    for (place, (at, variable)) in bound.iter().enumerate() {
        if (at.group, at.binding) != (0, place as u32) {
            let name = variable.name.as_deref().unwrap_or_default();
            faults.push(format!(
                "{name}: @group({}) @binding({}), expected 0 and {place}",
                at.group, at.binding
            ));
        }
    }
    let params = bound
        .first()
        .filter(|(_, v)| v.space == AddressSpace::Uniform && v.name.as_deref() == Some("params"));
    let params = params.and_then(|(_, v)| StructLayout::of(module, v.ty));
    let bindings: Vec<_> = bound
        .iter()
        .skip(1)
        .map(|(_, v)| (v.name.clone().unwrap_or_default(), binding_of(v.space, &module.types[v.ty].inner)))
        .collect();
    let storage = bound.iter().filter(|(_, v)| matches!(v.space, AddressSpace::Storage { .. })).count();
    if storage > MAX_STORAGE_BUFFERS {
        faults.push(format!("{storage} storage buffers"));
    }

    for (ix, entry) in module.entry_points.iter().enumerate() {
        let used = info.get_entry_point(ix);
        let shared = module.global_variables.iter().filter(|(handle, variable)| {
            variable.space == AddressSpace::WorkGroup && !used[*handle].is_empty()
        });
        let bytes: u32 = shared.map(|(_, variable)| layouter[variable.ty].size.next_multiple_of(16)).sum();
        let invocations: u32 = entry.workgroup_size.iter().product();
        if entry.stage != ShaderStage::Compute || bytes > MAX_WORKGROUP_BYTES || invocations > MAX_INVOCATIONS
        {
            let stage = entry.stage;
            faults.push(format!("{}: {stage:?}, {bytes} bytes, {invocations} invocations", entry.name));
        }
    }
    let entry_points = module.entry_points.iter().map(|entry| entry.name.clone()).collect();
    Reflection { params, bindings, entry_points, faults }
}

fn binding_of(space: AddressSpace, ty: &TypeInner) -> Option<Binding> {
    match (space, ty) {
        (AddressSpace::Storage { access }, _) if access == StorageAccess::LOAD => Some(Binding::Read),
        (AddressSpace::Storage { .. }, _) => Some(Binding::ReadWrite),
        (
            AddressSpace::Handle,
            TypeInner::Image {
                dim: ImageDimension::D2,
                arrayed: false,
                class: ImageClass::Sampled { kind: ScalarKind::Float, multi: false },
            },
        ) => Some(Binding::Texels),
        _ => None,
    }
}

/// Where `shader` and its reflection differ, and the rules it breaks.
fn differences(shader: &Shader, found: &Reflection) -> Vec<String> {
    let mut differences = found.faults.clone();
    if !found.params.as_ref().is_some_and(|params| params.is(&shader.params)) {
        differences.push(format!("params: {:?}, the shader has {:?}", shader.params, found.params));
    }
    if !shader.params.size.is_multiple_of(16) {
        differences.push(format!("params: {} bytes, expected a multiple of 16", shader.params.size));
    }
    let bindings: Vec<_> =
        shader.bindings.iter().map(|(name, binding)| (name.to_string(), Some(*binding))).collect();
    if bindings != found.bindings {
        differences.push(format!("bindings: {bindings:?}, the shader has {:?}", found.bindings));
    }
    if shader.entry_points != found.entry_points {
        differences.push(format!(
            "entry points: {:?}, the shader has {:?}",
            shader.entry_points, found.entry_points
        ));
    }
    differences
}

/// Every combination of the values of a shader's consts.
fn combinations(shader: &Shader) -> Vec<Vec<u32>> {
    shader.consts.iter().fold(vec![vec![]], |combinations, (_, values)| {
        let extended = |c: Vec<u32>| values.iter().map(move |value| [c.as_slice(), &[*value]].concat());
        combinations.into_iter().flat_map(extended).collect()
    })
}

/// With what WebGPU has without any feature.
fn problems(shader: &Shader) -> Vec<String> {
    problems_with(WEBGPU, shader)
}

fn problems_with(capabilities: Capabilities, shader: &Shader) -> Vec<String> {
    let of_one =
        |consts: Vec<u32>| match validated_with(capabilities, shader.name, &assemble(shader, &consts)) {
            Ok((module, info)) => differences(shader, &reflect(&module, &info)),
            Err(error) => vec![error],
        };
    combinations(shader).into_iter().flat_map(of_one).collect()
}

#[test]
fn shaders_are_what_rust_believes() {
    for shader in SHADERS {
        let problems = problems(shader);
        assert!(problems.is_empty(), "{}: {}", shader.name, problems.join("\n"));
        println!("{}: {} variants", shader.name, combinations(shader).len());
    }
}

#[test]
fn native_shaders_need_what_they_enable() {
    for shader in NATIVE_SHADERS {
        let needs = enabled(shader.source);
        let problems = problems_with(needs, shader);
        assert!(problems.is_empty(), "{}: {}", shader.name, problems.join("\n"));
        for capability in needs - WEBGPU {
            let problems = problems_with(needs - capability, shader);
            assert!(!problems.is_empty(), "{}: {capability:?} is not needed", shader.name);
        }
        println!("{}: {} variants", shader.name, combinations(shader).len());
    }
}

#[test]
fn wrong_beliefs_are_seen() {
    fn altered(shader: &Shader, alter: impl FnOnce(&mut Shader)) -> Vec<String> {
        let Shader { name, source, params, bindings, entry_points, consts, host } = *shader;
        let mut shader = Shader { name, source, params, bindings, entry_points, consts, host };
        alter(&mut shader);
        problems(&shader)
    }
    const RIGHT: Shader = Shader {
        name: "right",
        source: "struct Sizes { count: u32, scale: f32, pad0: u32, pad1: u32 }
            @group(0) @binding(0) var<uniform> params: Sizes;
            @group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
            @group(0) @binding(2) var table: texture_2d<f32>;
            @group(0) @binding(3) var<storage, read_write> out: array<vec4<f32>>;
            const TILE: u32 = 8u;
            var<workgroup> sh_x: array<vec4<f32>, TILE * 64>;
            @compute @workgroup_size(TILE) fn scale(@builtin(global_invocation_id) id: vec3<u32>) {
                sh_x[0] = textureLoad(table, vec2<u32>(0u), 0);
                out[id.x] = params.scale * x[id.x] + sh_x[0];
            }",
        params: ParamsLayout {
            name: "Sizes",
            size: 16,
            fields: &[("count", 0), ("scale", 4), ("pad0", 8), ("pad1", 12)],
        },
        bindings: &[("x", Binding::Read), ("table", Binding::Texels), ("out", Binding::ReadWrite)],
        entry_points: &["scale"],
        consts: &[("TILE", &[4, 16])],
        host: &[],
    };
    assert_eq!(problems(&RIGHT), Vec::<String>::new());
    type Alteration = (&'static str, fn(&mut Shader));
    let alterations: [Alteration; 14] = [
        ("the struct's name", |s| s.params.name = "Size"),
        ("its size", |s| s.params.size = 32),
        ("a field's name", |s| s.params.fields = &[("n", 0), ("scale", 4), ("pad0", 8), ("pad1", 12)]),
        ("a field's offset", |s| s.params.fields = &[("count", 0), ("scale", 8), ("pad0", 4), ("pad1", 12)]),
        ("a field too few", |s| s.params.fields = &[("count", 0), ("scale", 4), ("pad0", 8)]),
        ("a binding's name", |s| {
            s.bindings = &[("y", Binding::Read), ("table", Binding::Texels), ("out", Binding::ReadWrite)]
        }),
        ("a binding's access", |s| {
            s.bindings = &[("x", Binding::ReadWrite), ("table", Binding::Texels), ("out", Binding::ReadWrite)]
        }),
        ("a binding's kind", |s| {
            s.bindings = &[("x", Binding::Read), ("table", Binding::Read), ("out", Binding::ReadWrite)]
        }),
        ("a binding too few", |s| s.bindings = &[("x", Binding::Read), ("table", Binding::Texels)]),
        ("the bindings' order", |s| {
            s.bindings = &[("table", Binding::Texels), ("x", Binding::Read), ("out", Binding::ReadWrite)]
        }),
        ("the entry point", |s| s.entry_points = &["scales"]),
        ("an entry point too many", |s| s.entry_points = &["scale", "shift"]),
        ("more workgroup memory than there is", |s| s.consts = &[("TILE", &[4, 17])]),
        ("no valid WGSL", |s| (s.source, s.consts) = ("fn scale() -> f32 { return 1u; }", &[])),
    ];
    for (what, alter) in alterations {
        let problems = altered(&RIGHT, alter);
        println!("{what}: {problems:?}");
        assert!(!problems.is_empty(), "{what} was not seen");
    }
    for what in ["enable f16; fn f(x: f16) {}", "fn f(x: f32) -> f32 { return subgroupAdd(x); }"] {
        assert!(validated("a feature", what).is_err(), "{what}");
    }
}

/// Shaders that are another's variants for GPUs: the processor computes what they do by the other's function.
const VARIANTS: [&str; 16] = [
    "conv2d_half",
    "conv2d_matrices",
    "conv2d_naive",
    "conv2d_split",
    "conv2d_sum",
    "conv2d_texel",
    "conv2d_weight_gradient_matrices",
    "conv2d_weight_gradient_naive",
    "conv2d_weight_gradient_texel",
    "matmul_texel",
    "winograd_input",
    "winograd_input_texel",
    "winograd_output",
    "winograd_output_texel",
    "winograd_product",
    "winograd_weights",
];

#[test]
fn every_entry_point_has_a_host_function_but_for_variants() {
    let known: BTreeSet<&str> = SHADERS.iter().chain(NATIVE_SHADERS).map(|shader| shader.name).collect();
    for variant in VARIANTS {
        assert!(known.contains(variant), "{variant} is no shader");
    }
    for shader in SHADERS.iter().chain(NATIVE_SHADERS) {
        let wanted = if VARIANTS.contains(&shader.name) { 0 } else { shader.entry_points.len() };
        assert_eq!(shader.host.len(), wanted, "{}: host functions", shader.name);
        for entry_point in shader.entry_points {
            let found = KernelKey::new(shader, entry_point).host().is_some();
            assert_eq!(found, wanted > 0, "{}::{entry_point}", shader.name);
        }
    }
}

/// A Rust struct's layout.
macro_rules! layout_of {
    ($name:ident { $($field:ident),* $(,)? }) => {
        ParamsLayout {
            name: stringify!($name),
            size: size_of::<$name>(),
            fields: &[$((stringify!($field), std::mem::offset_of!($name, $field))),*],
        }
    };
}

/// The structs in storage buffers, which the host writes too.
#[test]
fn structs_in_memory_are_what_rust_believes() {
    let chain = layout_of!(Chain { step, seed_lo, seed_hi, first_sample });
    let step = layout_of!(StepCoefficients {
        t,
        x_start_of_x_t,
        x_start_of_output,
        noise_of_x_t,
        noise_of_output,
        sqrt_alphas_cumprod,
        sqrt_one_minus_alphas_cumprod,
        x_start_coef,
        x_t_coef,
        output_coef,
        pred_noise_coef,
        sigma,
        min_log_variance,
        max_log_variance,
        noise_t,
    });
    let loss = layout_of!(LossCoefficients {
        target_of_x_start,
        target_of_noise,
        mse_weight,
        mean_of_output,
        log_variance,
        log_variance_excess,
        log_variance_of_output,
        pad,
    });
    for (shader, layout) in [("p_sample", chain), ("p_sample", step), ("training_loss", loss)] {
        let shader = SHADERS.iter().find(|other| other.name == shader).expect(shader);
        let (module, _) = validated(shader.name, &assemble(shader, &[])).unwrap_or_else(|e| panic!("{e}"));
        let structs = || module.types.iter().filter_map(|(ty, _)| StructLayout::of(&module, ty));
        assert!(structs().any(|found| found.is(&layout)), "{layout:?}");
        for wrong in
            [ParamsLayout { size: layout.size + 4, ..layout }, ParamsLayout { name: "Other", ..layout }]
        {
            assert!(!structs().any(|found| found.is(&wrong)), "{wrong:?}");
        }
    }
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// Stem and text of every WGSL file of a folder, its own folders left out.
fn wgsl_files(name: &str) -> Vec<(String, String)> {
    let entries = std::fs::read_dir(folder(name)).unwrap_or_else(|e| panic!("{name}: {e}"));
    let files = entries.map(|entry| entry.expect(name).path()).filter(|path| path.extension().is_some());
    let mut files: Vec<_> = files
        .map(|path| {
            assert_eq!(path.extension().and_then(|e| e.to_str()), Some("wgsl"), "{}", path.display());
            let stem = path.file_stem().expect("a name").to_str().expect("UTF-8").to_owned();
            (stem, std::fs::read_to_string(&path).expect("readable"))
        })
        .collect();
    files.sort();
    files
}

fn imports(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter_map(|line| line.strip_prefix("//#import ")).map(str::trim)
}

/// The files that an import may stand for: one for each value of the const that its name ends in.
fn files_of(shader: &Shader, name: &str) -> Vec<String> {
    let by_const = shader.consts.iter().find_map(|(const_name, values)| {
        let prefix = name.strip_suffix(const_name)?;
        Some(values.iter().map(|value| format!("{prefix}{value}")).collect())
    });
    by_const.unwrap_or_else(|| vec![name.to_owned()])
}

#[test]
fn every_file_is_a_shader_or_an_include_in_use() {
    let mut used = BTreeSet::new();
    let mut known = BTreeSet::new();
    for (folder, shaders) in [("shaders", SHADERS), ("shaders/native", NATIVE_SHADERS)] {
        let files = wgsl_files(folder);
        let stems: BTreeSet<&str> = files.iter().map(|(stem, _)| stem.as_str()).collect();
        let names: BTreeSet<&str> = shaders.iter().map(|shader| shader.name).collect();
        assert_eq!(stems, names, "files in {folder}/, and what ops has of them");
        for shader in shaders {
            let (_, text) = files.iter().find(|(stem, _)| stem == shader.name).expect("compared above");
            assert_eq!(shader.source, text, "{} is not its file", shader.name);
            assert!(known.insert(shader.name), "two shaders are named {}", shader.name);
            used.extend(imports(text).flat_map(|name| files_of(shader, name)));
        }
    }
    let includes = wgsl_files("shaders/include");
    used.extend(includes.iter().flat_map(|(_, text)| imports(text)).map(str::to_owned));
    let names: BTreeSet<String> = includes.iter().map(|(stem, _)| stem.clone()).collect();
    assert_eq!(used, names, "imports, and files in shaders/include/");
}

/// Those of the tests.
#[test]
fn shaders_outside_of_ops_are_valid() {
    for (stem, text) in wgsl_files("tests/native/shaders") {
        let shader = Shader {
            name: "outside",
            source: text.leak(),
            params: ParamsLayout { name: "", size: 0, fields: &[] },
            bindings: &[],
            entry_points: &[],
            consts: &[],
            host: &[],
        };
        validated(&stem, &assemble(&shader, &[])).unwrap_or_else(|e| panic!("{e}"));
    }
}
