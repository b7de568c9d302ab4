package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"rsc.io/qr" // pictures of QR codes: what the codes on a terminal are made with, too

	"musafir/node/api"
)

// checkPicture keeps what is there already.
func checkPicture(path string) error {
	if path == "" {
		return nil
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return withHint(usage(fmt.Errorf("--png %s: there is such a file already, or there can be none", path)), "Remove it, or name another one.")
	}
	return nil
}

// writePicture makes a PNG of the QR code that pairs a phone.
func writePicture(path string, p *api.Phones) error {
	if p.URL == "" {
		return withHint(errors.New("there is no QR code yet: it holds the address of this device, which has one for phones only while it is up"),
			"Start it: musafir up. Then: musafir phone --png %s", shellWord(path))
	}
	code, err := qr.Encode(p.QR, qr.M)
	if err != nil {
		return fmt.Errorf("make the QR code: %w", err)
	}
	return writeNew(path, code.PNG())
}

// writeNew writes a file that is not there yet.
func writeNew(path string, b []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}
