package store

// HoldsCamp says why a directory has no camp that this program reads, nil if it has
// one. It opens nothing, so it works beside a running daemon. ErrNoCamp: there is none.
func HoldsCamp(path string) error { return readFormat(path) }
