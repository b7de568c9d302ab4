package wire_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"musafir/node/wire"
)

// A dialer that knows the listener says hail and hello in one go.
func Example() {
	key := []byte("the camp's discovery key")
	var stream []byte
	for _, f := range []wire.Frame{
		&wire.Hail{Version: wire.Version, MAC: wire.HailMAC(key, "tablet", "desk")},
		&wire.Hello{Version: wire.Version, Time: 1767225660000, Program: "musafir 1.0"},
	} {
		var err error
		if stream, err = wire.Append(stream, f); err != nil {
			fmt.Println(err)
			return
		}
	}

	r := bufio.NewReader(bytes.NewReader(stream))
	for {
		f, err := wire.ReadWithin(r, wire.MaxGreetingBytes)
		switch {
		case errors.Is(err, io.EOF):
			return
		case err != nil:
			fmt.Println(err)
			return
		}
		switch f := f.(type) {
		case *wire.Hail:
			fmt.Println("hail fits:", f.Fits(key, "tablet", "desk"))
		case *wire.Hello:
			fmt.Println("hello from", f.Program)
		}
	}
	// Output:
	// hail fits: true
	// hello from musafir 1.0
}
