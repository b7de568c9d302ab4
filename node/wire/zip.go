package wire

import (
	"errors"
	"sync"

	"github.com/klauspost/compress/zstd"

	"musafir/crdt"
)

// Encoders and decoders are large, and most sessions are silent most of the
// time: they are shared, and given up when nobody uses them. With a concurrency
// of one and no stream they start no goroutine.

// A packer holds what it takes to write the payload of a batch.
type packer struct {
	encoder *zstd.Encoder
	payload []byte
	logs    []crdt.LogID
}

var packers = sync.Pool{New: func() any {
	return &packer{encoder: must(zstd.NewWriter(nil,
		zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true),
		zstd.WithWindowSize(zipWindow), zstd.WithSingleSegment(true), zstd.WithEncoderCRC(false)))}
}}

// zipWindow is the power of two that holds the largest payload.
const zipWindow = 512 << 10

func takePacker() *packer  { return packers.Get().(*packer) }
func (p *packer) putBack() { packers.Put(p) }

func (p *packer) sorted(f *Batch) []crdt.LogID {
	p.logs = f.appendLogs(p.logs[:0])
	return p.logs
}

func (p *packer) pack(f *Batch) []byte {
	p.payload = f.appendPayload(p.payload[:0], p.sorted(f))
	return p.payload
}

// zip adds the payload to dst, compressed if that saves an eighth of it.
func (p *packer) zip(dst, payload []byte) (b []byte, zipped bool) {
	if len(payload) >= MinZipBytes {
		b := p.encoder.EncodeAll(payload, dst)
		if len(b)-len(dst) <= len(payload)-len(payload)/8 {
			return b, true
		}
		dst = b[:len(dst)] // it may have grown
	}
	return append(dst, payload...), false
}

var unzippers = sync.Pool{New: func() any {
	return must(zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxMemory(MaxPayloadBytes), zstd.WithDecodeAllCapLimit(true)))
}}

// zipSlack is how much room after its output lets the decoder take its fast path.
const zipSlack = 16

// unzip decompresses a payload. What it says of its size is checked before
// anything is allocated, and it does not get more.
func unzip(b []byte) ([]byte, error) {
	var h zstd.Header
	if err := h.Decode(b); err != nil {
		return nil, errZip
	}
	if h.Skippable || !h.HasFCS {
		return nil, errZipSize
	}
	if h.FrameContentSize > MaxPayloadBytes {
		return nil, tooLarge("payload of a batch frame", int(min(h.FrameContentSize, 1<<31-1)), MaxPayloadBytes, "bytes")
	}
	size := int(h.FrameContentSize)
	d := unzippers.Get().(*zstd.Decoder)
	defer unzippers.Put(d)
	out, err := d.DecodeAll(b, make([]byte, 0, size+zipSlack))
	if err != nil {
		return nil, errZip
	}
	if len(out) != size {
		return nil, errZipSize
	}
	return out[:size:size], nil
}

// The library's errors are not wrapped: nobody can act on them.
var (
	errZip     = errors.New("the compressed payload cannot be read")
	errZipSize = errors.New("the compressed payload is not as long as it says, or does not say")
)
