//! What all tests of a process share.

/// Starts something, usually servers, on a runtime of its own that lasts as long as the process: that of the test which
/// happens to come first ends with it. For the initializer of a `static`.
///
/// # Panics
/// If it panics, or there is no runtime to be had.
pub fn shared<T: Send + 'static>(start: impl Future<Output = T> + Send + 'static) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = Box::leak(Box::new(runtime.expect("a runtime")));
    let (tell, told) = std::sync::mpsc::channel();
    runtime.spawn(async move { tell.send(start.await).ok() });
    told.recv().expect("it starts")
}
