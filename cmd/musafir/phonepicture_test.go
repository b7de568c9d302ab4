package main

import (
	"bytes"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"testing"

	"rsc.io/qr"
	"rsc.io/qr/coding"

	"musafir/node/api"
)

// The picture shows the code: each module where it belongs, with the margin that scanners
// need around.
func TestPicture(t *testing.T) {
	const text = `{"type":"sync_hub","url":"http://192.168.100.100:4001","id":"0190c0de-0000-7000-8000-000000000000","pk":"VxR2nRFr92Q2rnS8eT0sMK0ZA8WaxSc4BcfiaYtBDDY"}`
	path := filepath.Join(t.TempDir(), "code.png")
	if err := writePicture(path, &api.Phones{URL: "http://192.168.100.100:4001", QR: text}); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	image, err := png.Decode(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	code, err := qr.Encode(text, qr.M)
	if err != nil {
		t.Fatal(err)
	}
	const margin = 4
	side := image.Bounds().Dx()
	scale := side / (code.Size + 2*margin)
	if scale < 4 || side != scale*(code.Size+2*margin) || side != image.Bounds().Dy() {
		t.Fatalf("a picture of %v for %d modules", image.Bounds(), code.Size)
	}
	for y := -margin; y < code.Size+margin; y++ {
		for x := -margin; x < code.Size+margin; x++ {
			at := image.At((x+margin)*scale+scale/2, (y+margin)*scale+scale/2)
			if black := color.GrayModel.Convert(at).(color.Gray).Y < 128; black != code.Black(x, y) {
				t.Fatalf("module %d, %d: black is %v", x, y, black)
			}
		}
	}
	if most := coding.Version(15); code.Size > 17+4*int(most) {
		t.Errorf("%d modules a side are too fine for the camera of an old phone", code.Size)
	}
	if err := writePicture(path, &api.Phones{URL: "http://10.0.0.1:1", QR: "other"}); err == nil {
		t.Error("a file was overwritten")
	}
	if again, err := os.ReadFile(path); err != nil || !bytes.Equal(again, b) {
		t.Errorf("the file is another one, %v", err)
	}
}
