//! Whether this browser compiles every shader: naga accepts some WGSL that browsers refuse.

use crate::error::Result;
use crate::gpu::{GpuContext, KernelKey};
use crate::json::Object;
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
                let [first, second] = consts;
                let name = format!("{}::{entry_point} [{first}, {second}]", shader.name);
                let mut object = Object::new();
                object.string("shader", &name).plain("ok", message.is_none());
                report.push(object.value("message", &message.into()).finish());
            }
        }
    }
    Ok(format!("[{}]", report.join(",")))
}
