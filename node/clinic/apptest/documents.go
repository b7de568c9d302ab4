package apptest

import (
	"encoding/json"
	"fmt"
)

// DepartmentsOf are the departments of an appointment.
func DepartmentsOf(appointment Row) []Department {
	return documentOf[Department](appointment, "departments")
}

// FieldsOf are the fields of an event.
func FieldsOf(event Row) []Field { return documentOf[Field](event, "form_data") }

func documentOf[T any](r Row, column string) (list []T) {
	if err := json.Unmarshal([]byte(r.Text(column)), &list); err != nil {
		panic(fmt.Sprintf("column %s is no list: %v", column, err))
	}
	return list
}
