//! Whether this browser compiles every shader: naga accepts some WGSL that browsers refuse.

use crate::error::Result;
use crate::gpu::{GpuContext, KernelKey};
use crate::ops::SHADERS;

/// A JSON array of `{shader, ok, message}`.
pub(super) async fn shaders() -> Result<String> {
    let gpu = GpuContext::request_default().await?;
    let mut report = Vec::new();
    for shader in SHADERS {
        for entry_point in shader.entry_points {
            for consts in shader.const_sets() {
                let key = KernelKey { shader, entry_point, consts };
                let message = gpu.compile_and_wait(key).await.err().map(|e| e.to_string());
                let name = format!("{}::{entry_point} {consts:?}", shader.name);
                report
                    .push(serde_json::json!({ "shader": name, "ok": message.is_none(), "message": message }));
            }
        }
    }
    Ok(serde_json::Value::from(report).to_string())
}
