package api

// A right is what a route needs of whoever asks. The first is the strictest, so that
// a route which says nothing is kept for the device's own token.
type right int

const (
	administer right = iota
	write
	read
	nothing // no token either
)

// A standing is what a token makes of whoever has it.
type standing int

const (
	stranger standing = iota
	reader
	writer
	owner // has the device's own token
)

// least is the standing that a right takes.
var least = [...]standing{administer: owner, write: writer, read: reader, nothing: stranger}

// refuse says what somebody lacks for a route, nil if nothing.
func (a *asker) refuse(route *route) error {
	switch {
	case a.standing >= least[route.needs]:
		return nil
	case route.needs == write:
		return forbidden("This token may only read, and this needs one that may write: musafir token add NAME, without --read, makes one.")
	}
	return forbidden("An app's token may not do this: it needs the device's own token, in the file api-token of its data directory.")
}
