package exchange

import (
	"bytes"
	"math"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"musafir/crdt"
)

// appendNumber adds the value of a JSON number: an integer if it is written as
// one, else a float.
func appendNumber(b, digits []byte) ([]byte, error) {
	if isFloat(digits) {
		v, _ := strconv.ParseFloat(string(digits), 64)
		if math.IsInf(v, 0) {
			return b, ErrFloat
		}
		return crdt.AppendFloat(b, v), nil
	}
	v, err := strconv.ParseInt(string(digits), 10, 64)
	if err != nil {
		return b, ErrInteger
	}
	return crdt.AppendInt(b, v), nil
}

// appendFloatJSON writes a finite float with the fewest digits that give it
// back, and so that it cannot be taken for an integer.
func appendFloatJSON(b []byte, v float64) []byte {
	start := len(b)
	b = jsontext.AppendFloat(b, v, 64)
	if !isFloat(b[start:]) {
		b = append(b, ".0"...)
	}
	return b
}

func isFloat(digits []byte) bool { return bytes.ContainsAny(digits, ".eE") }
