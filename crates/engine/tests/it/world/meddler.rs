//! A connector in whose work something happens first.

use std::sync::Arc;

use connectors::{Connector, Finding, Preparation, Probe, Registry, SendCtx, Sent};
use domain::clock::BoxFut;
use domain::content::Draft;
use domain::error::PlatformError;
use domain::intent::Armed;
use domain::part::{Part, RemotePost};
use domain::platform::Platform;
use domain::secret::SecretBytes;

/// What is about to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Prepare,
    Send,
}

type Hook = dyn Fn(Step, Part) -> BoxFut<'static, ()> + Send + Sync;

struct Meddler {
    inner: Arc<dyn Connector>,
    hook: Box<Hook>,
}

/// Has `hook` happen before each step of a platform's connector.
pub(crate) fn meddle(
    registry: &mut Registry,
    platform: Platform,
    hook: impl Fn(Step, Part) -> BoxFut<'static, ()> + Send + Sync + 'static,
) {
    let inner = registry.get(platform).cloned().unwrap();
    let hook = Box::new(hook);
    registry.add(Arc::new(Meddler { inner, hook }));
}

impl Connector for Meddler {
    fn platform(&self) -> Platform {
        self.inner.platform()
    }

    fn prepare<'a>(
        &'a self,
        ctx: &'a SendCtx<'a>,
        draft: &'a Draft,
        part: Part,
        parents: &'a [(Part, RemotePost)],
        resume: Option<&'a SecretBytes>,
    ) -> BoxFut<'a, Result<Preparation, PlatformError>> {
        Box::pin(async move {
            (self.hook)(Step::Prepare, part).await;
            self.inner.prepare(ctx, draft, part, parents, resume).await
        })
    }

    fn send<'a>(&'a self, ctx: &'a SendCtx<'a>, armed: &'a Armed) -> BoxFut<'a, Result<Sent, PlatformError>> {
        Box::pin(async move {
            (self.hook)(Step::Send, armed.part()).await;
            self.inner.send(ctx, armed).await
        })
    }

    fn check<'a>(&'a self, ctx: &'a SendCtx<'a>, probe: Probe<'a>) -> BoxFut<'a, Result<Finding, PlatformError>> {
        self.inner.check(ctx, probe)
    }

    fn reads_prepared(&self, version: u16) -> bool {
        self.inner.reads_prepared(version)
    }
}
