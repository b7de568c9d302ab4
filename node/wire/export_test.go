package wire

// Payload is what a batch frame holds before compression.
func Payload(f *Batch) []byte { return f.appendPayload(nil, f.appendLogs(nil)) }

// Unzip opens a compressed payload.
func Unzip(b []byte) ([]byte, error) { return unzip(b) }
