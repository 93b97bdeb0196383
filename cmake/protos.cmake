# Google's protos, generated into the build folder and compiled apart at -O1.
set(PROTO_ROOT ${CACHE_DIR}/google-proto-files-${GOOGLE_PROTO_FILES})
set(PROTO_OUT ${CMAKE_BINARY_DIR}/protos)
file(MAKE_DIRECTORY ${PROTO_OUT})
find_program(GRPC_PLUGIN grpc_cpp_plugin REQUIRED)

set(message_protos
  google/api/annotations google/api/client google/api/field_behavior google/api/field_info
  google/api/http google/api/launch_stage google/api/resource google/rpc/status google/rpc/code
  google/rpc/error_details google/type/expr google/iam/v1/policy google/iam/v1/options
  google/cloud/bigquery/storage/v1/arrow google/cloud/bigquery/storage/v1/avro
  google/cloud/bigquery/storage/v1/protobuf google/cloud/bigquery/storage/v1/stream
  google/cloud/bigquery/storage/v1/table)
set(service_protos google/pubsub/v1/pubsub google/pubsub/v1/schema google/iam/v1/iam_policy
  google/cloud/bigquery/storage/v1/storage)

set(generated "")
foreach(proto ${message_protos} ${service_protos})
  set(flags "")
  set(outputs ${PROTO_OUT}/${proto}.pb.cc)
  if(proto IN_LIST service_protos)
    set(flags --grpc_out=${PROTO_OUT} --plugin=protoc-gen-grpc=${GRPC_PLUGIN})
    list(APPEND outputs ${PROTO_OUT}/${proto}.grpc.pb.cc)
  endif()
  add_custom_command(OUTPUT ${outputs}
    COMMAND protobuf::protoc -I ${PROTO_ROOT} --cpp_out=${PROTO_OUT} ${flags} ${PROTO_ROOT}/${proto}.proto
    DEPENDS ${PROTO_ROOT}/${proto}.proto COMMENT "protoc ${proto}" VERBATIM)
  list(APPEND generated ${outputs})
endforeach()

# Of our own: what Google's published protos lack.
set(own_proto broker/wire/message_transforms)
add_custom_command(OUTPUT ${PROTO_OUT}/${own_proto}.pb.cc
  COMMAND protobuf::protoc -I ${PROTO_ROOT} -I ${CMAKE_SOURCE_DIR}/src --cpp_out=${PROTO_OUT}
    ${CMAKE_SOURCE_DIR}/src/${own_proto}.proto
  DEPENDS ${CMAKE_SOURCE_DIR}/src/${own_proto}.proto COMMENT "protoc ${own_proto}" VERBATIM)
list(APPEND generated ${PROTO_OUT}/${own_proto}.pb.cc)

add_library(google_protos STATIC ${generated})
target_include_directories(google_protos SYSTEM PUBLIC ${PROTO_OUT})
target_compile_options(google_protos PRIVATE -w -O1 -g0)
target_link_libraries(google_protos PUBLIC third_party_grpc)
