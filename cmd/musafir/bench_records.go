package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
)

// benchRecords are records of a real shape: those of the demo, again and again under
// new ids.
type benchRecords [][]byte

// A benchRecord is one of them.
type benchRecord struct {
	Collection, ID string
	Fields         json.RawMessage
	line           []byte // all of it
}

func newBenchRecords() (benchRecords, error) { return demoLines() }

// idStart finds the first digits of the ids, a record's own and those it refers to.
var idStart = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-`)

// spreadIDs is odd, so that no two rounds give one id the same digits.
const spreadIDs = 0x9e3779b1

// record is the i-th one. Those of one round refer to each other.
func (b benchRecords) record(i int) (r benchRecord) {
	round := uint32(i/len(b)) * spreadIDs
	r.line = idStart.ReplaceAllFunc(b[i%len(b)], func(id []byte) []byte {
		n, err := strconv.ParseUint(string(id[:8]), 16, 32)
		if err != nil {
			panic(err) // they are eight hexadecimal digits
		}
		return append(fmt.Appendf(nil, "%08x", uint32(n)^round), id[8:]...)
	})
	if err := json.Unmarshal(r.line, &r); err != nil {
		panic(err) // they are a part of the program
	}
	return r
}

// drain reads an answer to its end, so that its connection is used again.
func drain(resp *http.Response) error {
	defer resp.Body.Close()
	_, err := io.Copy(io.Discard, resp.Body)
	return err
}
