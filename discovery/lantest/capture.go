package lantest

// A Capture gathers what goes through a switch.
type Capture struct {
	lan    *LAN
	socket socket
	frames [][]byte
	ended  chan error
}

// Capture begins to gather each frame that a host sends to the switch, from its
// Ethernet header on.
func (s *Switch) Capture() *Capture {
	s.lan.t.Helper()
	c := &Capture{lan: s.lan, ended: make(chan error, 1)}
	err := inSpace(s.name, func() (err error) {
		c.socket, err = openSocket()
		return err
	})
	if err != nil {
		s.lan.t.Fatalf("capture: %v", err)
	}
	s.lan.t.Cleanup(func() { c.socket.close() })
	go func() { c.ended <- c.socket.gather(func(frame []byte) { c.frames = append(c.frames, frame) }) }()
	return c
}

// Stop ends the capture and gives what was sent since its begin, in that order. It
// fails the test if there was more than could be gathered.
func (c *Capture) Stop() [][]byte {
	c.lan.t.Helper()
	c.socket.end()
	if err := <-c.ended; err != nil {
		c.lan.t.Fatalf("capture: %v", err)
	}
	return c.frames
}

// IsMulticast tells whether a frame goes to more than one host.
func IsMulticast(frame []byte) bool { return len(frame) > 0 && frame[0]&1 != 0 }
