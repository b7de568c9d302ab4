package transport_test

import (
	"io"
	"testing"

	"musafir/node/transport"
)

// BenchmarkThroughput sends one stream over loopback in writes of 64 KiB.
func BenchmarkThroughput(b *testing.B) {
	for name, listen := range map[string]string{"tcp": tcp0, "quic": quic0} {
		b.Run(name, func(b *testing.B) { benchmarkThroughput(b, listen) })
	}
}

func benchmarkThroughput(b *testing.B, listen string) {
	const protocol = "/test/sink/1"
	from, to := newHost(b, transport.Config{}), newHost(b, transport.Config{Listen: []string{listen}})
	received := make(chan int64, 1)
	to.Handle(protocol, func(s *transport.Stream) {
		n, _ := io.CopyBuffer(struct{ io.Writer }{io.Discard}, s, make([]byte, 64<<10))
		received <- n
	})
	s, err := from.Open(within(b), to.ID(), to.Addrs(), protocol)
	check(b, err)
	block := make([]byte, 64<<10)
	b.SetBytes(int64(len(block)))
	b.ResetTimer()
	for range b.N {
		_, err := s.Write(block)
		check(b, err)
	}
	check(b, s.Close())
	if n := <-received; n != int64(b.N)*int64(len(block)) {
		b.Fatalf("of %d bytes %d came", b.N*len(block), n)
	}
}

// BenchmarkOpen is a connection, a stream and the first answer.
func BenchmarkOpen(b *testing.B) {
	for name, listen := range map[string]string{"tcp": tcp0, "quic": quic0} {
		b.Run(name, func(b *testing.B) {
			from, to := newHost(b, transport.Config{}), newEcho(b, listen)
			for range b.N {
				check(b, exchange(open(b, from, to, to.Addrs()), "x"))
				from.Disconnect(to.ID())
			}
		})
	}
}
