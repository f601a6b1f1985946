import Demos
import Reactor
let loop = try EventLoop(backend: Backend(CommandLine.arguments[1])!)
let l = try loop.listen(on: "127.0.0.1:0") { _ in Echo() }
print("listening on \(l.address)")
try! FileHandleFlush()
try loop.watchSignal(.terminate) { loop.stop() }
try loop.run()
func FileHandleFlush() throws { fflush(nil) }
import Glibc
