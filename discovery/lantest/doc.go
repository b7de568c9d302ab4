// Package lantest builds small networks on this machine, for tests of programs that
// find and reach each other: hosts with interfaces and addresses of their own, and
// switches between them whose cables can be pulled.
//
//	lan := lantest.New(t)
//	s := lan.Switch()
//	desk, tent := lan.Host("desk"), lan.Host("tent")
//	desk.Plug(s, "eth0", "10.77.0.1/24", "fd77::1/64")
//	cable := tent.Plug(s, "eth0", "10.77.0.2/24", "fd77::2/64")
//	desk.Do(func() { l, err = net.Listen("tcp", "10.77.0.1:7668") })
//	cable.Unplug()
//
// A host is a Linux network namespace with a loopback of its own. A switch is a
// bridge without addresses in a namespace of its own, so nothing is added to the
// network of the machine that runs the test, and nothing of a test reaches it. No
// host has a route but those to its own subnets: no default route, and none for
// multicast.
//
// It needs Linux, root and the program ip (iproute2; Firewall also tc). Where one is
// missing New skips the test and says which, or fails it if $MUSAFIR_LAN is
// "required". All that a test makes is gone when it ends. What a killed test process
// has left is removed by the next one.
//
// Functions fail the test with what ip said; they belong on the goroutine of the
// test.
package lantest
