//! `Gpu`: the one device that all players of a page share.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use super::error::to_js;
use super::pacer::Shared;
use crate::error::Result;
use crate::gpu::GpuContext;
use crate::self_test::SelfTest;

/// A device with its queue and its kernels. Clones share everything.
#[wasm_bindgen]
#[derive(Clone)]
pub struct Gpu {
    pub(super) instance: wgpu::Instance,
    pub(super) context: GpuContext,
    /// What all players have submitted.
    pub(super) submitted: Arc<Shared>,
    /// What the device has passed.
    passed: Rc<RefCell<Vec<SelfTest>>>,
}

#[wasm_bindgen]
impl Gpu {
    /// Requests a device.
    ///
    /// # Errors
    /// `no-webgpu` or `limits`.
    pub async fn request() -> std::result::Result<Gpu, JsValue> {
        let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle());
        let context = GpuContext::request_from(&instance).await.map_err(to_js)?;
        let (submitted, passed) = (Arc::default(), Rc::default());
        Ok(Self { instance, context, submitted, passed })
    }

    /// The adapter's name, or its backend where the browser hides it.
    pub fn adapter(&self) -> String {
        let adapter = self.context.adapter();
        match (adapter.name.is_empty(), adapter.cpu) {
            (false, _) => adapter.name.clone(),
            (true, true) => "a CPU adapter".to_owned(),
            (true, false) => "WebGPU".to_owned(),
        }
    }

    /// What went wrong since the last call, if anything: an `Error` with `type`. It befell all players.
    pub fn error(&self) -> Option<JsValue> {
        self.context.take_fault().map(to_js)
    }

    /// Gives the device back; nothing of its players can be used any more.
    pub fn destroy(&self) {
        self.context.device().destroy();
    }

    /// Runs the start-up check, once for each kind of chain.
    pub(super) async fn check(&self, test: SelfTest) -> Result<()> {
        if self.passed.borrow().contains(&test) {
            return Ok(());
        }
        test.run(&self.context).await?;
        self.passed.borrow_mut().push(test);
        Ok(())
    }
}
