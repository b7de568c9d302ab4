package exchange_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"musafir/node/exchange"
)

// A bad line is reported by its number, and the rest goes on.
func ExampleReader() {
	in := `{"collection":"patients","id":"rahima","fields":{"name":"Rahima","age":31}}
{"collection":"patients","id":"noor","fields":{"age":99999999999999999999}}
{"fields":{"weight":54.0,"allergies":[]},"id":"v1","collection":"visits"}
`
	r, err := exchange.NewReader(strings.NewReader(in))
	if err != nil {
		panic(err)
	}
	for {
		line, _, err := r.Next()
		var bad *exchange.LineError
		switch {
		case err == io.EOF:
			return
		case errors.As(err, &bad):
			fmt.Println(bad)
		case err != nil:
			panic(err)
		default:
			os.Stdout.Write(exchange.AppendLine(nil, line))
		}
	}
	// Output:
	// {"collection":"patients","id":"rahima","fields":{"age":31,"name":"Rahima"}}
	// line 2: at "/fields/age", byte 53: the integer needs more than 64 bits: write it as a string or as a float
	// {"collection":"visits","id":"v1","fields":{"allergies":[],"weight":54.0}}
}
