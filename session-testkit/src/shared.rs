//! Values that all tests of a process share.

/// Starts something, usually servers, on a separate runtime that lasts as long as the process, since the runtime of the
/// first test ends with that test. It is meant for the initializer of a `static`.
///
/// # Panics
/// If it panics, or no runtime can be created.
pub fn shared<T: Send + 'static>(start: impl Future<Output = T> + Send + 'static) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = Box::leak(Box::new(runtime.expect("a runtime")));
    let (tell, told) = std::sync::mpsc::channel();
    runtime.spawn(async move { tell.send(start.await).ok() });
    told.recv().expect("it starts")
}
