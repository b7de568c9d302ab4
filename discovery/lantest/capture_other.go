//go:build !linux

package lantest

import "errors"

type socket struct{}

func openSocket() (socket, error) { return socket{}, errors.ErrUnsupported }

func (socket) gather(func([]byte)) error { return errors.ErrUnsupported }

func (socket) end() {}

func (socket) close() {}
